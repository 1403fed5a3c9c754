import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Ban, Columns2, FastForward, RotateCcw } from "lucide-react";
import { useState } from "react";
import { Link } from "react-router";
import { cancelRun, resumeRun } from "../../api/run-calls.ts";
import { runQuery } from "../../api/queries.ts";
import type { Run } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { FormDialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { isOver } from "../../ui/run-state.tsx";
import { toast } from "../../ui/toast.tsx";
import { problemOf } from "./json-problem.ts";
import { ReplayDialog } from "./replay-dialog.tsx";

type Asking = "cancel" | "resume" | "replay";

/** What can be done with a run. */
export function RunActions({ run }: { readonly run: Run }) {
  const [asking, setAsking] = useState<Asking>();
  const close = (): void => setAsking(undefined);
  return (
    <>
      {run.state === "RUN_STATE_SUSPENDED" && (
        <Button icon={<FastForward size={15} aria-hidden />} onClick={() => setAsking("resume")}>
          Resume
        </Button>
      )}
      {!isOver(run.state) && (
        <Button kind="danger" icon={<Ban size={15} aria-hidden />} onClick={() => setAsking("cancel")}>
          Cancel
        </Button>
      )}
      <Link className="button" to={`/runs/compare?a=${run.id}`}>
        <Columns2 size={15} aria-hidden />
        Compare with…
      </Link>
      <Button kind="primary" icon={<RotateCcw size={15} aria-hidden />} onClick={() => setAsking("replay")}>
        Replay
      </Button>
      <CancelDialog run={run} open={asking === "cancel"} onClose={close} />
      {asking === "resume" && <ResumeDialog run={run} onClose={close} />}
      {asking === "replay" && <ReplayDialog run={run} onClose={close} />}
    </>
  );
}

function useRefresh(run: Run): () => Promise<void> {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: runQuery(run.id!).queryKey });
}

function CancelDialog({
  run,
  open,
  onClose,
}: {
  readonly run: Run;
  readonly open: boolean;
  readonly onClose: () => void;
}) {
  const refresh = useRefresh(run);
  const cancel = useMutation({
    mutationFn: () => cancelRun(run.id!),
    onSuccess: async (ended) => {
      onClose();
      toast(ended.state === "RUN_STATE_CANCELLED" ? "The run is cancelled" : "The run had ended before");
      await refresh();
    },
  });
  return (
    <ConfirmDialog
      open={open}
      onOpenChange={onClose}
      title="Cancel this run?"
      confirm="Cancel the run"
      keep="Let it run"
      onConfirm={() => cancel.mutate()}
      busy={cancel.isPending}
      error={cancel.error}
    >
      The step that runs is stopped where it is. What its steps have done so far stays done.
    </ConfirmDialog>
  );
}

function ResumeDialog({ run, onClose }: { readonly run: Run; readonly onClose: () => void }) {
  const [data, setData] = useState("");
  const refresh = useRefresh(run);
  const resume = useMutation({
    mutationFn: () => resumeRun(run.id!, data.trim()),
    onSuccess: async () => {
      onClose();
      toast("The run goes on");
      await refresh();
    },
  });
  const problem = problemOf(data);
  return (
    <FormDialog
      open
      onOpenChange={onClose}
      title="Resume this run"
      about={`It goes on behind ${run.pause?.step ?? "the step that has paused it"} at once.`}
      submit="Resume"
      onSubmit={() => resume.mutate()}
      busy={resume.isPending}
      error={resume.error}
      valid={problem === undefined}
    >
      <Field label="Data" optional hint="JSON that later steps find as $resume_data of the paused one." error={problem}>
        {(control) => (
          <textarea
            {...control}
            className="input mono"
            rows={4}
            spellCheck={false}
            placeholder='{"approved": true}'
            value={data}
            onChange={(event) => setData(event.target.value)}
          />
        )}
      </Field>
    </FormDialog>
  );
}
