import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Play, Power } from "lucide-react";
import { Link, useNavigate, useParams } from "react-router";
import { Page } from "../../app/page.tsx";
import { call, segment } from "../../api/http.ts";
import { switchWorkflow } from "../../api/drafts.ts";
import { newestRunsQuery, versionsQuery, workflowQuery } from "../../api/queries.ts";
import type { Run, Workflow } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Ago } from "../../ui/time.tsx";
import { RunTable } from "../runs/run-table.tsx";
import { WorkflowTabs } from "./workflow-tabs.tsx";
import { allRunsOf } from "./all-runs.ts";
import "./workflow-page.css";

const RUNS = 15;
const RUNS_EVERY_MS = 2_000;

/** One workflow: how to start it, what it did last, which versions it has. */
export function WorkflowPage() {
  const { workflow: id = "" } = useParams();
  const workflow = useQuery(workflowQuery(id));
  if (workflow.isPending) return <Skeleton rows={6} label="Loading the workflow" />;
  if (workflow.data === undefined) {
    return (
      <Page title="Workflow" trail={<Link to="/">Workflows</Link>}>
        <ErrorNote error={workflow.error} onRetry={() => void workflow.refetch()} />
      </Page>
    );
  }
  return <LoadedWorkflow key={id} workflow={workflow.data} />;
}

function LoadedWorkflow({ workflow }: { readonly workflow: Workflow }) {
  const { id = "", displayName = "", state, version = 0 } = workflow;
  const isOff = state === "WORKFLOW_STATE_DISABLED";
  return (
    <Page
      title={displayName}
      trail={<Link to="/">Workflows</Link>}
      badges={
        <>
          {version > 0 ? <span className="badge mono">v{version}</span> : <span className="badge">not deployed</span>}
          {isOff && <span className="badge warn">paused</span>}
        </>
      }
      actions={version > 0 && <Actions id={id} isOff={isOff} />}
    >
      <WorkflowTabs id={id} />
      <div className="workflow-columns">
        <section className="card" aria-labelledby="runs-heading">
          <header>
            <h2 id="runs-heading">Newest runs</h2>
            <Link to={`/runs?workflow=${encodeURIComponent(id)}`}>All runs</Link>
          </header>
          {version > 0 ? <NewestRuns id={id} name={displayName} /> : <NotDeployed id={id} />}
        </section>
        <div className="workflow-facts">
          <Triggers workflow={workflow} />
          <Steps workflow={workflow} />
          <Packages workflow={workflow} />
          <Versions id={id} />
        </div>
      </div>
    </Page>
  );
}

function Actions({ id, isOff }: { readonly id: string; readonly isOff: boolean }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const toggle = useMutation({
    mutationFn: () => switchWorkflow(id, isOff),
    onSuccess: () => client.invalidateQueries({ queryKey: ["workflow", id] }),
  });
  const start = useMutation({
    mutationFn: () => call<Run>("POST", `workflows/${segment(id)}/runs`, { body: { requestId: crypto.randomUUID() } }),
    onSuccess: (run) => navigate(`/runs/${run.id}`),
  });
  const error = toggle.error ?? start.error;
  return (
    <>
      <Button busy={toggle.isPending} icon={<Power size={15} aria-hidden />} onClick={() => toggle.mutate()}>
        {isOff ? "Resume" : "Pause"}
      </Button>
      <Button
        kind="primary"
        busy={start.isPending}
        disabled={isOff}
        icon={<Play size={15} aria-hidden />}
        onClick={() => start.mutate()}
      >
        Run now
      </Button>
      {error !== null && <ErrorNote error={error} />}
    </>
  );
}

function NewestRuns({ id, name }: { readonly id: string; readonly name: string }) {
  const runs = useQuery({ ...newestRunsQuery(allRunsOf(id), RUNS), refetchInterval: RUNS_EVERY_MS });
  if (runs.isPending) return <Skeleton rows={5} label="Loading the runs" />;
  if (runs.data === undefined) return <ErrorNote error={runs.error} onRetry={() => void runs.refetch()} />;
  if ((runs.data.runs?.length ?? 0) === 0) {
    return (
      <EmptyState title="It has not run yet" command={`npx millrace run ${name}`}>
        Send a request to its address, or start it by hand.
      </EmptyState>
    );
  }
  return <RunTable runs={runs.data.runs!} withWorkflow={false} />;
}

function NotDeployed({ id }: { readonly id: string }) {
  return (
    <EmptyState
      title="It is not deployed yet"
      command="npx millrace deploy"
      action={<Link to={`/workflows/${segment(id)}/build`}>Open the builder</Link>}
    >
      Its draft can be tested in the builder. The first deploy gives it an address.
    </EmptyState>
  );
}

function Triggers({ workflow: { triggers = [], version = 0 } }: { readonly workflow: Workflow }) {
  return (
    <section className="card" aria-labelledby="triggers-heading">
      <header>
        <h2 id="triggers-heading">Triggers</h2>
      </header>
      {triggers.length === 0 && (
        <p className="fact muted">
          {version === 0 ? "Made by the first deploy." : "None: it is started by calls of the API and by hand."}
        </p>
      )}
      {triggers.map(({ kind, url = "" }) => (
        <div key={`${kind} ${url}`} className="fact">
          <span className="badge">{kind}</span>
          {url !== "" && (
            <div className="copy-line">
              <code className="truncate" title={url}>
                {url}
              </code>
              <CopyButton text={url} label="Copy the address" />
            </div>
          )}
        </div>
      ))}
    </section>
  );
}

function Steps({ workflow: { id = "", stepNames = [] } }: { readonly workflow: Workflow }) {
  if (stepNames.length === 0) return null;
  return (
    <section className="card" aria-labelledby="steps-heading">
      <header>
        <h2 id="steps-heading">Steps</h2>
        <Link to={`/workflows/${segment(id)}/build`}>Open the builder</Link>
      </header>
      <ol className="step-names">
        {stepNames.map((name, index) => (
          <li key={name} className="fact">
            <span className="step-number mono" aria-hidden>
              {index + 1}
            </span>
            <span className="truncate" title={name}>
              {name}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Packages({ workflow: { packages = [] } }: { readonly workflow: Workflow }) {
  if (packages.length === 0) return null;
  return (
    <section className="card" aria-labelledby="packages-heading">
      <header>
        <h2 id="packages-heading">Packages</h2>
        <span className="faint">{packages.length}</span>
      </header>
      <div className="fact badges">
        {packages.map(({ name, version }) => (
          <span key={name} className="badge mono">
            {name} {version}
          </span>
        ))}
      </div>
    </section>
  );
}

function Versions({ id }: { readonly id: string }) {
  const versions = useQuery(versionsQuery(id));
  return (
    <section className="card" aria-labelledby="versions-heading">
      <header>
        <h2 id="versions-heading">Versions</h2>
      </header>
      {versions.isPending && <Skeleton rows={3} label="Loading the versions" />}
      {versions.isError && <ErrorNote error={versions.error} />}
      {versions.isSuccess && !versions.data.versions?.length && <p className="fact muted">Each deploy makes one.</p>}
      <ul className="versions">
        {versions.data?.versions?.map(({ number, createTime, live }) => (
          <li key={number} className="fact">
            <span className="mono">v{number}</span>
            {live === true && <span className="badge good">live</span>}
            <span className="muted">
              <Ago time={createTime} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
