import { useState } from "react";
import { Link, useParams } from "react-router";
import { Page } from "../../app/page.tsx";
import type { Run } from "../../api/generated/types.ts";
import { Fact, Facts, IdFact } from "../../ui/facts.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { StateBadge } from "../../ui/run-state.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Ago, durationMs, formatDuration } from "../../ui/time.tsx";
import { LogView } from "./log-view.tsx";
import { RunActions } from "./run-actions.tsx";
import { RunFiles } from "./run-files.tsx";
import { RunOutcome } from "./run-outcome.tsx";
import { RunDuration, shortId } from "./run-table.tsx";
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
  const { run, error, retry } = useWatchedRun(id);
  if (run === undefined && error === undefined) return <Skeleton rows={8} label="Loading the run" />;
  if (run === undefined) {
    return (
      <Page title="Run" trail={<Link to="/runs">Runs</Link>}>
        <ErrorNote error={error} onRetry={retry} />
      </Page>
    );
  }
  return <LoadedRun run={run} />;
}

function LoadedRun({ run }: { readonly run: Run }) {
  const [chosen, setChosen] = useState<string>();
  const steps = run.steps ?? [];
  const telling =
    steps.find(({ state }) => state === "RUN_STATE_FAILED") ??
    steps.findLast(({ startTime, takenOverFrom = "" }) => startTime !== undefined && takenOverFrom === "");
  const selected = chosen ?? telling?.path ?? "trigger";
  return (
    <Page
      title={`Run ${shortId(run.id)}`}
      trail={
        <>
          <Link to="/runs">Runs</Link> ·{" "}
          {run.workflowDisplayName === "" ? (
            "deleted workflow"
          ) : (
            <Link to={`/workflows/${run.workflow!.split("/")[1]}`}>{run.workflowDisplayName}</Link>
          )}
        </>
      }
      badges={<StateBadge state={run.state} />}
      actions={<RunActions run={run} />}
    >
      <RunFacts run={run} />
      <RunOutcome run={run} />
      <section className="card" aria-labelledby="timeline-heading">
        <header>
          <h2 id="timeline-heading">Timeline</h2>
        </header>
        <Waterfall run={run} selected={selected} onSelect={setChosen} />
      </section>
      <div className="run-columns">
        <StepDetails run={run} step={steps.find(({ path }) => path === selected)} />
        <LogView run={run} />
      </div>
      <RunFiles run={run} />
    </Page>
  );
}

function RunFacts({ run }: { readonly run: Run }) {
  const { createTime, startTime, triggerKind, version, priority = 0, replayStep = "" } = run;
  const queued = durationMs(createTime, startTime, Date.now());
  return (
    <Facts>
      <Fact name="Accepted">
        <Ago time={createTime} />
      </Fact>
      <Fact name="Waited">
        <span className="mono">{startTime === undefined || queued === undefined ? "–" : formatDuration(queued)}</span>
      </Fact>
      <Fact name="Took">
        <span className="mono">
          <RunDuration run={run} />
        </span>
      </Fact>
      <Fact name="Trigger">{triggerKind}</Fact>
      <Fact name="Version">
        <span className="mono">{version ? `v${version}` : "deleted"}</span>
      </Fact>
      {priority !== 0 && <Fact name="Priority">{priority}</Fact>}
      <RunFact name="Replay of" run={run.replayOf} />
      {replayStep !== "" && <Fact name="Began at">{replayStep}</Fact>}
      <RunFact name="Started by" run={run.parentRun} />
      <IdFact name="Run id" id={run.id} />
      <IdFact name="Trace id" id={run.traceId} />
    </Facts>
  );
}

function RunFact({ name, run = "" }: { readonly name: string; readonly run: string | undefined }) {
  const id = run.split("/").at(-1);
  if (id === undefined || id === "") return null;
  return (
    <Fact name={name}>
      <Link to={`/runs/${id}`} className="mono">
        {shortId(id)}
      </Link>
    </Fact>
  );
}
