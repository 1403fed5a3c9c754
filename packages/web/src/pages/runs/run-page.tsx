import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Ban, FastForward, RotateCcw } from "lucide-react";
import { useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { Page } from "../../app/page.tsx";
import { call, segment } from "../../api/http.ts";
import type { Run } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { ErrorNote, Note } from "../../ui/note.tsx";
import { isOver, StateBadge } from "../../ui/run-state.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Ago } from "../../ui/time.tsx";
import { LogView } from "./log-view.tsx";
import { reasonOf, RunDuration, shortId } from "./run-table.tsx";
import { StepDetails } from "./step-details.tsx";
import { useWatchedRun } from "./use-watched-run.ts";
import { Waterfall } from "./waterfall.tsx";
import "./run-page.css";

/** One run: what happened when, what came of it, what it said. */
export function RunPage() {
  const { run: id = "" } = useParams();
  return <WatchedRun key={id} id={id} />;
}

function WatchedRun({ id }: { readonly id: string }) {
  const { run, error } = useWatchedRun(id);
  if (run === undefined && error === undefined) return <Skeleton rows={8} label="Loading the run" />;
  if (run === undefined) {
    return (
      <Page title="Run" trail={<Link to="/runs">Runs</Link>}>
        <ErrorNote error={error} />
      </Page>
    );
  }
  return <LoadedRun run={run} />;
}

function LoadedRun({ run }: { readonly run: Run }) {
  const [path, setPath] = useState<string>();
  const steps = run.steps ?? [];
  const failed = steps.find(({ state }) => state === "RUN_STATE_FAILED");
  const selected = steps.find((step) => step.path === path) ?? failed ?? steps[0];
  return (
    <Page
      title={`Run ${shortId(run.id)}`}
      trail={
        <>
          <Link to="/runs">Runs</Link> ·{" "}
          <Link to={`/workflows/${run.workflow!.split("/")[1]}`}>{run.workflowDisplayName}</Link>
        </>
      }
      badges={<StateBadge state={run.state} />}
      actions={<Actions run={run} />}
    >
      <Facts run={run} />
      <Outcome run={run} />
      <section className="card" aria-labelledby="timeline-heading">
        <header>
          <h2 id="timeline-heading">Timeline</h2>
        </header>
        <Waterfall run={run} selected={selected?.path} onSelect={setPath} />
      </section>
      <div className="run-columns">
        <StepDetails run={run} step={selected} />
        <LogView run={run} />
      </div>
    </Page>
  );
}

function Facts({ run }: { readonly run: Run }) {
  return (
    <dl className="facts">
      <div>
        <dt>Accepted</dt>
        <dd>
          <Ago time={run.createTime} />
        </dd>
      </div>
      <div>
        <dt>Took</dt>
        <dd className="mono">
          <RunDuration run={run} />
        </dd>
      </div>
      <div>
        <dt>Trigger</dt>
        <dd>{run.triggerKind}</dd>
      </div>
      <div>
        <dt>Version</dt>
        <dd className="mono">{run.version === undefined ? "deleted" : `v${run.version}`}</dd>
      </div>
      <IdFact name="Run id" id={run.id} />
      <IdFact name="Trace id" id={run.traceId} />
      <RunFact name="Replay of" run={run.replayOf} />
      <RunFact name="Started by" run={run.parentRun} />
    </dl>
  );
}

function IdFact({ name, id = "" }: { readonly name: string; readonly id: string | undefined }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="copy-line">
        <code className="truncate">{id}</code>
        <CopyButton text={id} label={`Copy the ${name.toLowerCase()}`} />
      </dd>
    </div>
  );
}

function RunFact({ name, run = "" }: { readonly name: string; readonly run: string | undefined }) {
  const id = run.split("/").at(-1);
  if (id === undefined || id === "") return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <Link to={`/runs/${id}`} className="mono">
          {shortId(id)}
        </Link>
      </dd>
    </div>
  );
}

function Outcome({ run }: { readonly run: Run }) {
  if (run.failure !== undefined) {
    const { file = "", line = 0, traceback = "" } = run.failure;
    return (
      <Note kind="bad">
        <p>
          <strong>{reasonOf(run)}</strong>
        </p>
        {file !== "" && (
          <p className="mono">
            {file}
            {line > 0 && `:${line}`}
          </p>
        )}
        {traceback !== "" && <pre className="traceback">{traceback}</pre>}
      </Note>
    );
  }
  if (run.wait !== undefined) return <Note kind="warn">{run.wait.message}</Note>;
  if (run.pause !== undefined) {
    return (
      <Note kind="warn">
        Paused{run.pause.step ? ` by ${run.pause.step}` : ""}; it{" "}
        {run.pause.cancels === true ? "is cancelled" : "goes on"} by itself <Ago time={run.pause.wakeTime} />.
      </Note>
    );
  }
  return run.exitReason ? <p className="muted">Ended early: {run.exitReason}</p> : null;
}

function Actions({ run }: { readonly run: Run }) {
  const [asking, setAsking] = useState(false);
  const client = useQueryClient();
  const navigate = useNavigate();
  const path = `workflows/-/runs/${segment(run.id!)}`;
  const refresh = () => client.invalidateQueries({ queryKey: ["run", run.id] });
  const replay = useMutation({
    mutationFn: () => call<Run>("POST", `${path}:replay`, { body: { requestId: crypto.randomUUID() } }),
    onSuccess: (next) => navigate(`/runs/${next.id}`),
  });
  const resume = useMutation({
    mutationFn: () => call<Run>("POST", `${path}:resume`, { body: {} }),
    onSuccess: refresh,
  });
  const cancel = useMutation({
    mutationFn: () => call<Run>("POST", `${path}:cancel`, { body: { reason: "cancelled by hand" } }),
    onSuccess: async () => {
      setAsking(false);
      await refresh();
    },
  });
  const error = replay.error ?? resume.error;
  return (
    <>
      {error !== null && <ErrorNote error={error} />}
      {run.state === "RUN_STATE_SUSPENDED" && (
        <Button busy={resume.isPending} icon={<FastForward size={15} aria-hidden />} onClick={() => resume.mutate()}>
          Go on now
        </Button>
      )}
      {!isOver(run.state) && (
        <Button kind="danger" icon={<Ban size={15} aria-hidden />} onClick={() => setAsking(true)}>
          Cancel
        </Button>
      )}
      <Button
        kind="primary"
        busy={replay.isPending}
        icon={<RotateCcw size={15} aria-hidden />}
        onClick={() => replay.mutate()}
        title="Start a new run with the same event and version"
      >
        Replay
      </Button>
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title="Cancel this run?"
        confirm="Cancel the run"
        onConfirm={() => cancel.mutate()}
        busy={cancel.isPending}
        error={cancel.error}
      >
        The step that runs is stopped where it is. What its steps have done so far stays done.
      </ConfirmDialog>
    </>
  );
}
