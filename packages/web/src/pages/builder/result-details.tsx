import type { ReactNode } from "react";
import type { DraftTest } from "../../api/generated/types.ts";
import { CopyButton } from "../../ui/copy-button.tsx";
import { formatBytes } from "../../ui/format.ts";
import { Ago, durationMs, formatDuration } from "../../ui/time.tsx";
import { WholeRun } from "./whole-run.tsx";

/** Times, memory, attempt, packages and trace of a test. */
export function ResultDetails({ test }: { readonly test: DraftTest }) {
  const { result, createTime, traceId = "", attempt, packages = [], run } = test;
  const waited = durationMs(createTime, result?.startTime, 0);
  const took = durationMs(result?.startTime, result?.endTime, 0);
  const memory = Number(result?.peakMemoryBytes ?? 0);
  const { answer } = result ?? {};
  return (
    <dl className="facts">
      <Fact name="Tested">
        <Ago time={createTime} />
      </Fact>
      <Fact name="Took">{took === undefined || result?.endTime === undefined ? "–" : formatDuration(took)}</Fact>
      <Fact name="Waited before">{waited === undefined ? "–" : formatDuration(waited)}</Fact>
      {memory > 0 && <Fact name="Memory at most">{formatBytes(memory)}</Fact>}
      <Fact name="Attempt">{attempt}</Fact>
      {answer !== undefined && <Fact name="HTTP answer">{`status ${answer.status}`}</Fact>}
      <Fact name="Trace">
        <span className="copy-line">
          <code>{traceId}</code>
          <CopyButton text={traceId} label="Copy the trace id" />
        </span>
      </Fact>
      <Fact name="Run">
        <WholeRun run={run} />
      </Fact>
      <Fact name="Packages">
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
    </dl>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
