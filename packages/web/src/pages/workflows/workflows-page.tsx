import { useQuery } from "@tanstack/react-query";
import { MoreHorizontal, Plus } from "lucide-react";
import { useMemo, useState } from "react";
import { Link, useSearchParams } from "react-router";
import { Page } from "../../app/page.tsx";
import { deleteWorkflow, switchWorkflow } from "../../api/drafts.ts";
import { workflowsQuery } from "../../api/queries.ts";
import type { Workflow } from "../../api/generated/types.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { Menu, MenuItem, MenuLink, MenuSeparator } from "../../ui/menu.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { SearchField } from "../../ui/search-field.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { useSave } from "../../ui/use-save.ts";
import { VirtualTable, type Column } from "../../ui/virtual-table.tsx";
import { ActivityDurations, ActivityFailures, ActivityLast, ActivityStrip } from "./activity-cells.tsx";
import { CreateWorkflow } from "./create-workflow.tsx";
import { FirstSteps } from "./first-steps.tsx";
import "./workflows-page.css";

const EVERY_MS = 10_000;
const ROW_PX = 56;

/** The project's workflows. */
export function WorkflowsPage() {
  const workflows = useQuery({ ...workflowsQuery, refetchInterval: EVERY_MS });
  const [parameters, setParameters] = useSearchParams();
  const text = parameters.get("q") ?? "";
  const isCreating = parameters.has("new");
  const shown = useMemo(() => matching(workflows.data ?? [], text), [workflows.data, text]);
  const taken = useMemo(
    () => new Set((workflows.data ?? []).map(({ displayName = "" }) => displayName)),
    [workflows.data],
  );
  const create = (open: boolean): void =>
    setParameters({ ...(text !== "" && { q: text }), ...(open && { new: "" }) }, { replace: true });
  return (
    <Page
      title="Workflows"
      full
      actions={
        <Button kind="primary" icon={<Plus size={16} aria-hidden />} onClick={() => create(true)}>
          New workflow
        </Button>
      }
    >
      {workflows.isError && <ErrorNote error={workflows.error} onRetry={() => void workflows.refetch()} />}
      <FirstSteps />
      <div className="card workflow-list">
        {workflows.isPending && <Skeleton rows={6} label="Loading the workflows" />}
        {workflows.data?.length === 0 && <NoWorkflows onCreate={() => create(true)} />}
        {(workflows.data?.length ?? 0) > 0 && (
          <>
            <div className="list-bar">
              <SearchField
                label={`Search ${workflows.data!.length} workflows`}
                value={text}
                onChange={(q) => setParameters(q === "" ? {} : { q }, { replace: true })}
              />
              {text !== "" && <span className="faint">{shown.length} found</span>}
            </div>
            {shown.length === 0 ? (
              <p className="no-match muted">No workflow has “{text}” in its name or its steps.</p>
            ) : (
              <VirtualTable
                label="Workflows"
                rows={shown}
                rowKey={({ id = "" }) => id}
                columns={COLUMNS}
                rowPx={ROW_PX}
                hasMore={false}
                loadMore={nothing}
              />
            )}
          </>
        )}
      </div>
      {isCreating && <CreateWorkflow open onOpenChange={create} taken={taken} />}
    </Page>
  );
}

function nothing(): void {
  // All of them are read at once.
}

function matching(workflows: readonly Workflow[], text: string): readonly Workflow[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return workflows;
  return workflows.filter(({ displayName = "", stepNames = [] }) =>
    [displayName, ...stepNames].some((name) => name.toLowerCase().includes(wanted)),
  );
}

function NoWorkflows({ onCreate }: { readonly onCreate: () => void }) {
  return (
    <EmptyState
      title="Make your first workflow"
      command="npx millrace init my-workflow && npx millrace deploy my-workflow"
      action={
        <Button kind="primary" icon={<Plus size={16} aria-hidden />} onClick={onCreate}>
          New workflow
        </Button>
      }
    >
      A workflow is an address and a few Python steps. Begin empty or with a template; it answers its first request in
      about a minute. Or deploy a folder of yours:
    </EmptyState>
  );
}

function address({ id = "" }: Workflow): string {
  return `/workflows/${encodeURIComponent(id)}`;
}

const COLUMNS: readonly Column<Workflow>[] = [
  { title: "Name", width: "minmax(180px, 2.4fr)", cell: (workflow) => <NameCell workflow={workflow} /> },
  { title: "Starts by", width: "minmax(96px, 0.8fr)", cell: (workflow) => <StartsBy workflow={workflow} /> },
  { title: "Last runs", width: "132px", cell: ({ id = "" }) => <ActivityStrip id={id} /> },
  { title: "Failed", width: "64px", end: true, cell: ({ id = "" }) => <ActivityFailures id={id} /> },
  { title: "p50 / p95", width: "132px", end: true, cell: ({ id = "" }) => <ActivityDurations id={id} /> },
  { title: "Last run", width: "104px", end: true, cell: ({ id = "" }) => <ActivityLast id={id} /> },
  { title: "", width: "36px", end: true, cell: (workflow) => <RowMenu workflow={workflow} /> },
];

function NameCell({ workflow }: { readonly workflow: Workflow }) {
  const { displayName, stepNames = [], version = 0 } = workflow;
  const isNew = version === 0;
  return (
    <span className="workflow-name">
      <span className="workflow-title">
        <Link to={isNew ? `${address(workflow)}/build` : address(workflow)}>{displayName}</Link>
        {!isNew && <span className="faint mono">v{version}</span>}
      </span>
      <span className="faint steps">{isNew ? "not deployed yet" : stepNames.join(" → ")}</span>
    </span>
  );
}

function StartsBy({ workflow: { triggers = [], state, version = 0 } }: { readonly workflow: Workflow }) {
  return (
    <span className="badges">
      {state === "WORKFLOW_STATE_DISABLED" && <span className="badge warn">paused</span>}
      {triggers.map(({ kind, url }) => (
        <span key={`${kind} ${url}`} className="badge">
          {kind}
        </span>
      ))}
      {triggers.length === 0 && state !== "WORKFLOW_STATE_DISABLED" && (
        <span className="faint">{version === 0 ? "–" : "calls only"}</span>
      )}
    </span>
  );
}

function RowMenu({ workflow }: { readonly workflow: Workflow }) {
  const { id = "", displayName, state } = workflow;
  const [asking, setAsking] = useState(false);
  const isOff = state === "WORKFLOW_STATE_DISABLED";
  const toggle = useSave({
    save: () => switchWorkflow(id, isOff),
    changes: [["workflows"], ["workflow", id]],
    done: () => `${displayName} ${isOff ? "starts runs again" : "is paused"}`,
  });
  const remove = useSave({
    save: () => deleteWorkflow(id),
    changes: [["workflows"]],
    then: () => setAsking(false),
    done: () => `${displayName} is deleted`,
  });
  return (
    <>
      <Menu
        trigger={
          <IconButton kind="plain" label={`More for ${displayName}`} icon={<MoreHorizontal size={16} aria-hidden />} />
        }
      >
        <MenuLink to={`${address(workflow)}/build`}>Open the builder</MenuLink>
        <MenuLink to={`/runs?workflow=${encodeURIComponent(id)}`}>Show its runs</MenuLink>
        <MenuLink to={`${address(workflow)}/versions`}>Versions</MenuLink>
        <MenuSeparator />
        <MenuItem onSelect={() => toggle.mutate()}>{isOff ? "Resume" : "Pause"}</MenuItem>
        <MenuItem danger onSelect={() => setAsking(true)}>
          Delete
        </MenuItem>
      </Menu>
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title={`Delete ${displayName}?`}
        confirm="Delete the workflow"
        onConfirm={() => remove.mutate()}
        busy={remove.isPending}
        error={remove.error}
      >
        Its address stops to answer, its versions and its draft are gone. Runs that were accepted go on; history stays
        until its time is over.
      </ConfirmDialog>
    </>
  );
}
