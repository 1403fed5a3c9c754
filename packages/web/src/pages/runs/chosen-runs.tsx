import { Ban, Columns2, RotateCcw, X } from "lucide-react";
import { useState } from "react";
import { Link } from "react-router";
import { cancelRun, replayRun } from "../../api/run-calls.ts";
import type { Run } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { isOver } from "../../ui/run-state.tsx";
import type { Bulk } from "./use-bulk.ts";

export interface ChosenRunsProps {
  readonly runs: readonly Run[];
  readonly chosen: ReadonlySet<string>;
  readonly bulk: Bulk;
  readonly onClear: () => void;
}

/** What can be done with the runs that are chosen. */
export function ChosenRuns({ runs, chosen, bulk, onClear }: ChosenRunsProps) {
  const [asking, setAsking] = useState<"cancel" | "replay">();
  const ids = [...chosen];
  const open = runs.filter(({ id, state }) => chosen.has(id!) && !isOver(state)).map(({ id }) => id!);
  const busy = bulk.progress?.running === true;
  const begin = (label: string, which: readonly string[], action: (id: string) => Promise<unknown>): void => {
    setAsking(undefined);
    onClear();
    void bulk.start(label, which, action);
  };
  const replay = (): void => begin("Replayed", ids, (id) => replayRun(id, { requestId: crypto.randomUUID() }));
  return (
    <>
      <strong role="status">{ids.length} chosen</strong>
      <Button icon={<RotateCcw size={14} aria-hidden />} disabled={busy} onClick={() => setAsking("replay")}>
        Replay
      </Button>
      <Button
        kind="danger"
        icon={<Ban size={14} aria-hidden />}
        disabled={busy || open.length === 0}
        onClick={() => setAsking("cancel")}
      >
        Cancel {open.length > 0 && open.length}
      </Button>
      {ids.length === 2 && (
        <Link className="button" to={`/runs/compare?a=${ids[0]}&b=${ids[1]}`}>
          <Columns2 size={14} aria-hidden />
          Compare
        </Link>
      )}
      <Button kind="plain" icon={<X size={14} aria-hidden />} onClick={onClear}>
        Clear
      </Button>
      <ConfirmDialog
        open={asking === "cancel"}
        onOpenChange={() => setAsking(undefined)}
        title={`Cancel ${open.length} ${open.length === 1 ? "run" : "runs"}?`}
        confirm="Cancel them"
        keep="Let them run"
        onConfirm={() => begin("Cancelled", open, cancelRun)}
        busy={false}
        error={undefined}
      >
        Steps that run are stopped where they are. What they have done so far stays done.
      </ConfirmDialog>
      <ConfirmDialog
        open={asking === "replay"}
        onOpenChange={() => setAsking(undefined)}
        title={`Replay ${ids.length} ${ids.length === 1 ? "run" : "runs"}?`}
        confirm="Replay them"
        keep="Leave it"
        onConfirm={replay}
        busy={false}
        error={undefined}
      >
        Each becomes a new run of the same version with the same event. Whatever the steps do, they do again.
      </ConfirmDialog>
    </>
  );
}
