import { Link } from "react-router";
import type { Run } from "../../api/generated/types.ts";
import { StateBadge } from "../../ui/run-state.tsx";
import { Ago, durationMs, formatDuration, useNow } from "../../ui/time.tsx";
import "./run-table.css";

/** How long a run took or has been running. */
export function RunDuration({ run }: { readonly run: Run }) {
  const ms = durationMs(run.startTime, run.endTime, useNow());
  return <>{ms === undefined ? "–" : formatDuration(ms)}</>;
}

/** Why a run ended as it did, in one line; empty when there is nothing to say. */
export function reasonOf({ failure, exitReason = "" }: Run): string {
  if (failure === undefined) return exitReason;
  return `${failure.type ?? ""}${failure.message ? `: ${failure.message}` : ""}`;
}

/** A short list of runs. */
export function RunTable({ runs, withWorkflow }: { readonly runs: readonly Run[]; readonly withWorkflow: boolean }) {
  return (
    <table className="table runs">
      <thead>
        <tr>
          <th scope="col">State</th>
          {withWorkflow && <th scope="col">Workflow</th>}
          <th scope="col">Run</th>
          <th scope="col">Started</th>
          <th scope="col" className="number">
            Took
          </th>
        </tr>
      </thead>
      <tbody>
        {runs.map((run) => (
          <tr key={run.id}>
            <td>
              <StateBadge state={run.state} />
            </td>
            {withWorkflow && <td className="truncate">{run.workflowDisplayName}</td>}
            <td className="run-cell">
              <Link to={`/runs/${run.id}`} className="mono">
                {shortId(run.id)}
              </Link>
              <span className="faint truncate" title={reasonOf(run)}>
                {reasonOf(run)}
              </span>
            </td>
            <td className="muted">
              <Ago time={run.createTime} />
            </td>
            <td className="mono number">
              <RunDuration run={run} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The end of a run's id, which differs between runs of one moment; the beginning is the time. */
export function shortId(id = ""): string {
  return id.slice(-12);
}
