import { useQuery } from "@tanstack/react-query";
import { Search } from "lucide-react";
import { useMemo, useState } from "react";
import { Link, useSearchParams } from "react-router";
import { Page } from "../../app/page.tsx";
import { workflowsQuery } from "../../api/queries.ts";
import type { Workflow } from "../../api/generated/types.ts";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Ago } from "../../ui/time.tsx";
import { RunStrip } from "./run-strip.tsx";
import "./workflows-page.css";

/** The project's workflows. */
export function WorkflowsPage() {
  const workflows = useQuery({ ...workflowsQuery, refetchInterval: 10_000 });
  const [parameters, setParameters] = useSearchParams();
  const [text, setText] = useState(parameters.get("q") ?? "");
  const shown = useMemo(() => matching(workflows.data ?? [], text), [workflows.data, text]);
  const search = (value: string): void => {
    setText(value);
    setParameters(value === "" ? {} : { q: value }, { replace: true });
  };
  return (
    <Page title="Workflows">
      {workflows.isError && <ErrorNote error={workflows.error} onRetry={() => void workflows.refetch()} />}
      <div className="card">
        {workflows.isPending && <Skeleton rows={5} label="Loading the workflows" />}
        {workflows.data?.length === 0 && <NoWorkflows />}
        {(workflows.data?.length ?? 0) > 0 && (
          <>
            <div className="search">
              <Search size={15} aria-hidden />
              <input
                type="search"
                aria-label="Search workflows"
                placeholder={`Search ${workflows.data!.length} workflows`}
                value={text}
                onChange={(event) => search(event.target.value)}
              />
            </div>
            <WorkflowTable workflows={shown} />
            {shown.length === 0 && <p className="no-match muted">No workflow has “{text}” in its name or its steps.</p>}
          </>
        )}
      </div>
    </Page>
  );
}

function matching(workflows: readonly Workflow[], text: string): readonly Workflow[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return workflows;
  return workflows.filter(({ displayName = "", stepNames = [] }) =>
    [displayName, ...stepNames].some((name) => name.toLowerCase().includes(wanted)),
  );
}

function NoWorkflows() {
  return (
    <EmptyState title="No workflow yet" command="npx millrace init my-workflow && npx millrace deploy my-workflow">
      A workflow is a trigger and a few Python steps. Make one in a folder of yours and deploy it.
    </EmptyState>
  );
}

function WorkflowTable({ workflows }: { readonly workflows: readonly Workflow[] }) {
  if (workflows.length === 0) return null;
  return (
    <table className="table workflows">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Triggers</th>
          <th scope="col">Last runs</th>
          <th scope="col">Version</th>
          <th scope="col">Deployed</th>
        </tr>
      </thead>
      <tbody>
        {workflows.map((workflow) => (
          <WorkflowRow key={workflow.id} workflow={workflow} />
        ))}
      </tbody>
    </table>
  );
}

function WorkflowRow({ workflow }: { readonly workflow: Workflow }) {
  const { id = "", displayName = "", state, triggers = [], stepNames = [], version, deployTime } = workflow;
  return (
    <tr>
      <td className="name">
        <Link to={`/workflows/${encodeURIComponent(id)}`} className="truncate">
          {displayName}
        </Link>
        <span className="faint truncate">{stepNames.length === 0 ? "no steps yet" : stepNames.join(" → ")}</span>
      </td>
      <td>
        <span className="badges">
          {triggers.map(({ kind, url }) => (
            <span key={`${kind} ${url}`} className="badge">
              {kind}
            </span>
          ))}
          {state === "WORKFLOW_STATE_DISABLED" && <span className="badge warn">off</span>}
        </span>
      </td>
      <td>
        <RunStrip workflow={id} />
      </td>
      <td className="mono">{version === undefined ? "–" : `v${version}`}</td>
      <td className="muted">
        <Ago time={deployTime} />
      </td>
    </tr>
  );
}
