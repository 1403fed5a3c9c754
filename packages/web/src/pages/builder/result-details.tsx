import type { DraftTest } from "../../api/generated/types.ts";
import { Fact, Facts, IdFact } from "../../ui/facts.tsx";
import { HttpAnswer } from "../../ui/http-answer.tsx";
import { formatBytes } from "../../ui/format.ts";
import { Ago, durationMs, formatDuration } from "../../ui/time.tsx";
import { WholeRun } from "./whole-run.tsx";

/** Characters of an answer's body; the run has all of it. */
const BODY_PREVIEW = 2_000;

/** What it would answer, times, memory, attempt, packages and trace of a test. */
export function ResultDetails({ test }: { readonly test: DraftTest }) {
  const { result, createTime, traceId = "", attempt, packages = [], run } = test;
  const waited = durationMs(createTime, result?.startTime, 0);
  const took = durationMs(result?.startTime, result?.endTime, 0);
  const memory = Number(result?.peakMemoryBytes ?? 0);
  const { answer } = result ?? {};
  return (
    <Facts columns>
      <Fact name="Tested">
        <Ago time={createTime} />
      </Fact>
      <Fact name="Took">{took === undefined || result?.endTime === undefined ? "–" : formatDuration(took)}</Fact>
      <Fact name="Waited before">{waited === undefined ? "–" : formatDuration(waited)}</Fact>
      {memory > 0 && <Fact name="Memory at most">{formatBytes(memory)}</Fact>}
      <Fact name="Attempt">{attempt}</Fact>
      {answer !== undefined && (
        <Fact name="It would answer">
          <HttpAnswer answer={answer} most={BODY_PREVIEW} />
        </Fact>
      )}
      <IdFact name="Trace id" id={traceId} />
      <Fact name="Run">
        <WholeRun run={run} />
      </Fact>
      <Fact name="Packages" wide>
        {packages.length === 0 ? (
          "none"
        ) : (
          <span className="badges">
            {packages.map(({ name, version }) => (
              <span key={name} className="badge mono">
                {name} {version}
              </span>
            ))}
          </span>
        )}
      </Fact>
    </Facts>
  );
}
