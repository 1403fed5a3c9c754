import { Link } from "react-router";
import { Button } from "../../ui/button.tsx";
import { shortId } from "./run-table.tsx";
import type { Bulk } from "./use-bulk.ts";

const SHOWN_FAILURES = 5;

/** How far a change of many runs is, and what could not be done. */
export function BulkStatus({ bulk: { progress, stop, dismiss } }: { readonly bulk: Bulk }) {
  if (progress === undefined) return null;
  const { label, done, total, failures, running } = progress;
  return (
    <div className={`note ${failures.length > 0 ? "warn" : ""} bulk-status`} role="status">
      <div>
        <p>
          {label}: {done} of {total}
          {failures.length > 0 && `, ${failures.length} refused`}
          {!running && done < total && ", stopped"}
        </p>
        {running && <progress value={done} max={total} aria-label={label} />}
        {failures.slice(0, SHOWN_FAILURES).map(({ id, message }) => (
          <p key={id}>
            <Link to={`/runs/${id}`} className="mono">
              {shortId(id)}
            </Link>{" "}
            {message}
          </p>
        ))}
        {failures.length > SHOWN_FAILURES && <p>… and {failures.length - SHOWN_FAILURES} more</p>}
      </div>
      <Button kind="plain" onClick={running ? stop : dismiss}>
        {running ? "Stop" : "Dismiss"}
      </Button>
    </div>
  );
}
