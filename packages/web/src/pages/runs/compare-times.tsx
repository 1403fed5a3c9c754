import type { Run, StepRun } from "../../api/generated/types.ts";
import { StateBadge } from "../../ui/run-state.tsx";
import { TableHead } from "../../ui/table-head.tsx";
import { durationMs, formatDuration } from "../../ui/time.tsx";

export interface CompareTimesProps {
  readonly left: Run;
  readonly right: Run;
  /** Names of the steps of both. */
  readonly names: readonly string[];
}

interface TimeRow {
  readonly name: string;
  readonly left: { readonly step: StepRun | undefined; readonly ms: number | undefined };
  readonly right: { readonly step: StepRun | undefined; readonly ms: number | undefined };
}

/** How long each part took in the one and in the other. */
export function CompareTimes({ left, right, names }: CompareTimesProps) {
  const rows = [rowOfQueue(left, right), ...names.map((name) => rowOfStep(left, right, name)), rowOfAll(left, right)];
  const most = Math.max(1, ...rows.flatMap((row) => [row.left.ms ?? 0, row.right.ms ?? 0]));
  return (
    <section className="card" aria-labelledby="times-heading">
      <header>
        <h2 id="times-heading">Times</h2>
      </header>
      <table className="table compare-times">
        <TableHead
          columns={[
            "Part",
            { text: "A", className: "time-column" },
            { text: "B", className: "time-column" },
            { text: "B against A", className: "number" },
          ]}
        />
        <tbody>
          {rows.map((row) => (
            <tr key={row.name}>
              <th scope="row">{row.name}</th>
              <TimeCell side={row.left} most={most} />
              <TimeCell side={row.right} most={most} />
              <td className="number mono">
                <Difference left={row.left.ms} right={row.right.ms} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function rowOfQueue(left: Run, right: Run): TimeRow {
  const side = (run: Run) => ({ step: undefined, ms: durationMs(run.createTime, run.startTime, Number.NaN) });
  const of = (run: Run) => (run.startTime === undefined ? { step: undefined, ms: undefined } : side(run));
  return { name: "queue", left: of(left), right: of(right) };
}

function rowOfStep(left: Run, right: Run, name: string): TimeRow {
  const side = ({ steps = [] }: Run) => {
    const step = steps.find((each) => each.name === name);
    return { step, ms: step?.endTime === undefined ? undefined : durationMs(step.startTime, step.endTime, 0) };
  };
  return { name, left: side(left), right: side(right) };
}

function rowOfAll(left: Run, right: Run): TimeRow {
  const side = (run: Run) => ({
    ...{ step: undefined },
    ms: run.endTime === undefined ? undefined : durationMs(run.startTime, run.endTime, 0),
  });
  return { name: "from start to end", left: side(left), right: side(right) };
}

function TimeCell({ side: { step, ms }, most }: { readonly side: TimeRow["left"]; readonly most: number }) {
  return (
    <td>
      <span className="time-cell">
        <span className="mono time-text">{ms === undefined ? "–" : formatDuration(ms)}</span>
        <span className="time-bar" aria-hidden>
          {ms !== undefined && <span style={{ width: `${(ms / most) * 100}%` }} />}
        </span>
        {step !== undefined && step.state !== "RUN_STATE_SUCCEEDED" && <StateBadge state={step.state} />}
      </span>
    </td>
  );
}

function Difference({ left, right }: { readonly left: number | undefined; readonly right: number | undefined }) {
  if (left === undefined || right === undefined) return <span className="faint">–</span>;
  const ms = right - left;
  if (Math.abs(ms) < 1) return <span className="faint">same</span>;
  const percent =
    left >= 1 ? ` (${ms > 0 ? "+" : "−"}${Math.round((Math.abs(ms) / left) * 100).toLocaleString("en")} %)` : "";
  return (
    <span className={ms > 0 ? "slower" : "faster"}>
      {ms > 0 ? "+" : "−"}
      {formatDuration(Math.abs(ms))}
      {percent}
    </span>
  );
}
