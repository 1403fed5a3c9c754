import { Fragment } from "react";
import type { PauseKind, StepAttempt, StepPause, StepRun } from "../../api/generated/types.ts";
import { Fact, Facts } from "../../ui/facts.tsx";
import { formatBytes } from "../../ui/format.ts";
import { TableHead } from "../../ui/table-head.tsx";
import { Ago, durationMs, formatDuration, useNow } from "../../ui/time.tsx";
import { attemptFate, wasLost } from "./attempts.ts";
import "./step-facts.css";

const PAUSES: Readonly<Record<PauseKind, string>> = {
  PAUSE_KIND_UNSPECIFIED: "paused",
  PAUSE_KIND_DELAY: "pd.flow.delay",
  PAUSE_KIND_SUSPEND: "pd.flow.suspend",
  PAUSE_KIND_RERUN: "pd.flow.rerun",
  PAUSE_KIND_CHILD: "pd.flow.trigger",
};

/** When a step ran, how often it was tried, and how it paused the run. */
export function StepFacts({ step }: { readonly step: StepRun }) {
  const { startTime, endTime, runs = 0, attempts = [], attemptsLeftOut = 0, pause } = step;
  const count = attempts.length + attemptsLeftOut;
  if (startTime === undefined && count === 0) return <p className="nothing muted">This step has not run.</p>;
  const took = endTime === undefined ? undefined : durationMs(startTime, endTime, 0);
  const memory = Number(step.peakMemoryBytes ?? 0);
  return (
    <>
      <Facts columns>
        <Fact name="Began">
          <Ago time={attempts[0]?.startTime ?? startTime} />
        </Fact>
        <Fact name="Took">{took === undefined ? "–" : formatDuration(took)}</Fact>
        <Fact name="Attempts">{Math.max(1, count)}</Fact>
        {runs > 1 && <Fact name="Executions">{runs}</Fact>}
        {memory > 0 && <Fact name="Memory at most">{formatBytes(memory)}</Fact>}
        {pause !== undefined && <PauseFact pause={pause} />}
      </Facts>
      {attempts.length > 0 && <Attempts attempts={attempts} />}
    </>
  );
}

function PauseFact({ pause }: { readonly pause: StepPause }) {
  const { kind = "PAUSE_KIND_UNSPECIFIED", startTime, endTime, wakeTime } = pause;
  const now = useNow();
  const lasted = formatDuration(durationMs(startTime, endTime, now) ?? 0);
  return (
    <Fact name="Paused">
      {lasted} {endTime === undefined && "so far "}
      <span className="faint">
        <code>{PAUSES[kind]}</code>
        {endTime === undefined && wakeTime !== undefined && (
          <>
            , until <Ago time={wakeTime} />
          </>
        )}
      </span>
    </Fact>
  );
}

function Attempts({ attempts }: { readonly attempts: readonly StepAttempt[] }) {
  return (
    <table className="table attempts">
      <caption className="visually-hidden">Attempts of this step</caption>
      <TableHead columns={["Attempt", "Began", "Took", "What came of it"]} />
      <tbody>
        {attempts.map((attempt, index) => {
          const hidden = index === 0 ? 0 : (attempt.number ?? 0) - (attempts[index - 1]!.number ?? 0) - 1;
          return (
            <Fragment key={attempt.number}>
              {hidden > 0 && (
                <tr>
                  <td colSpan={4} className="faint">
                    {hidden} in between are not told.
                  </td>
                </tr>
              )}
              <AttemptRow attempt={attempt} />
            </Fragment>
          );
        })}
      </tbody>
    </table>
  );
}

function AttemptRow({ attempt }: { readonly attempt: StepAttempt }) {
  const { number, startTime, endTime, runner = "" } = attempt;
  const took = durationMs(startTime, endTime, 0);
  return (
    <tr>
      <td className="mono">{number}</td>
      <td className="mono">
        {startTime === undefined ? "not known" : <time dateTime={startTime}>{startTime.slice(11, 23)}</time>}
      </td>
      <td className="mono">{took === undefined ? "–" : formatDuration(took)}</td>
      <td>
        <span className={wasLost(attempt) ? "lost" : undefined}>{attemptFate(attempt)}</span>
        {runner !== "" && (
          <span className="muted">
            {" "}
            on <span className="mono">{runner}</span>
          </span>
        )}
      </td>
    </tr>
  );
}
