import { Button } from "../../ui/button.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import type { SettleAll } from "./use-settle-all.ts";

const DONE = { replay: "replayed", discard: "discarded" } as const;

/** How far the settling of all dead letters is, and which of them stay. */
export function SettleStatus({ all: { progress, stop, dismiss } }: { readonly all: SettleAll }) {
  if (progress === undefined) return null;
  const { action, settled, refused, stoppedReason, running, error } = progress;
  const reasons = Object.entries(refused);
  return (
    <div className={`note ${reasons.length > 0 || stoppedReason !== "" ? "warn" : ""} bulk-status`} role="status">
      <div>
        <p>
          {running ? "At work: " : "Done: "}
          {settled.toLocaleString("en")} {DONE[action]}
          {running && "…"}
        </p>
        {reasons.map(([reason, count]) => (
          <p key={reason}>
            {count.toLocaleString("en")} stay on the list: <code>{reason}</code>
          </p>
        ))}
        {stoppedReason !== "" && (
          <p>
            It ended early: <code>{stoppedReason}</code>. Go on later with what is left.
          </p>
        )}
        {error != null && <ErrorNote error={error} />}
      </div>
      <Button kind="plain" onClick={running ? stop : dismiss}>
        {running ? "Stop" : "Dismiss"}
      </Button>
    </div>
  );
}
