import { useQuery } from "@tanstack/react-query";
import { RotateCcw } from "lucide-react";
import { useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import { Page } from "../../app/page.tsx";
import { compareQuery, rollBack } from "../../api/drafts.ts";
import { versionsQuery, workflowQuery } from "../../api/queries.ts";
import type { Version } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { Select } from "../../ui/select.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Ago } from "../../ui/time.tsx";
import { useSave } from "../../ui/use-save.ts";
import { FileChanges, PackageChanges } from "../builder/changes.tsx";
import { WorkflowTabs } from "./workflow-tabs.tsx";
import "./versions-page.css";

/** What each deploy of a workflow has frozen, how they differ, and the way back to one. */
export function VersionsPage() {
  const { workflow: name = "" } = useParams();
  const workflow = useQuery(workflowQuery(name));
  const id = workflow.data?.id;
  const versions = useQuery({ ...versionsQuery(id ?? ""), enabled: id !== undefined });
  const [parameters, setParameters] = useSearchParams();
  const list = versions.data?.versions ?? [];
  const chosen = list.find(({ number }) => String(number) === parameters.get("version")) ?? list[0];
  const error = workflow.error ?? versions.error;
  return (
    <Page title={workflow.data?.displayName ?? "Workflow"} trail={<Link to="/">Workflows</Link>}>
      {id !== undefined && <WorkflowTabs id={id} />}
      {error !== null && (
        <ErrorNote error={error} onRetry={() => void (workflow.isError ? workflow : versions).refetch()} />
      )}
      {versions.isPending && error === null && <Skeleton rows={6} label="Loading the versions" />}
      {versions.isSuccess && list.length === 0 && (
        <EmptyState
          title="Nothing is deployed yet"
          command={`npx millrace deploy`}
          action={<Link to={`/workflows/${encodeURIComponent(id!)}/build`}>Open the builder</Link>}
        >
          Each deploy freezes a version: code, settings and packages. They are listed here.
        </EmptyState>
      )}
      {chosen !== undefined && (
        <div className="version-columns">
          <nav className="card version-list" aria-label="Versions">
            {list.map((version) => (
              <button
                key={version.number}
                type="button"
                aria-current={version === chosen ? "true" : undefined}
                onClick={() => setParameters({ version: String(version.number) }, { replace: true })}
              >
                <span className="mono">v{version.number}</span>
                {version.live === true && <span className="badge good">live</span>}
                <span className="muted">
                  <Ago time={version.createTime} />
                </span>
              </button>
            ))}
          </nav>
          <ChosenVersion key={chosen.number} id={id!} version={chosen} versions={list} />
        </div>
      )}
    </Page>
  );
}

interface ChosenVersionProps {
  readonly id: string;
  readonly version: Version;
  readonly versions: readonly Version[];
}

function ChosenVersion({ id, version, versions }: ChosenVersionProps) {
  const { number = 0, live, stepNames = [], createTime } = version;
  const before = versions.find((each) => (each.number ?? 0) < number)?.number ?? 0;
  const newest = versions[0]?.number ?? 0;
  const [other, setOther] = useState(String(live === true ? before : newest));
  const others = versions
    .filter((each) => each.number !== number)
    .map((each) => [String(each.number), `version ${each.number}`] as const);
  const from = Math.min(Number(other), number);
  const to = Math.max(Number(other), number);
  const compare = useQuery({ ...compareQuery(id, from, to), enabled: from > 0 });
  return (
    <section className="card version-card" aria-label={`Version ${number}`}>
      <header>
        <div>
          <h2>Version {number}</h2>
          <p className="muted">
            {stepNames.join(" → ")} · <Ago time={createTime} />
          </p>
        </div>
        {live !== true && <RollBack id={id} number={number} />}
      </header>
      <div className="version-body">
        {others.length === 0 ? (
          <p className="muted">It is the only one: there is nothing to compare it with.</p>
        ) : (
          <div className="compare-line">
            <label htmlFor="compare-with">Compared with</label>
            <Select id="compare-with" value={other} onChange={setOther} options={others} />
            {from > 0 && (
              <span className="muted">
                left version {from}, right version {to}
              </span>
            )}
          </div>
        )}
        {compare.isLoading && <Skeleton rows={4} label="Comparing" />}
        {compare.isError && <ErrorNote error={compare.error} onRetry={() => void compare.refetch()} />}
        {compare.data !== undefined && (
          <>
            {(compare.data.files?.length ?? 0) === 0 && <p className="muted">Code and settings are the same.</p>}
            <FileChanges files={compare.data.files ?? []} />
            <PackageChanges changes={compare.data.packageChanges ?? []} />
          </>
        )}
      </div>
    </section>
  );
}

function RollBack({ id, number }: { readonly id: string; readonly number: number }) {
  const [asking, setAsking] = useState(false);
  const save = useSave({
    save: () => rollBack(id, number),
    changes: [["versions", id], ["workflow"], ["workflows"]],
    then: () => setAsking(false),
    done: ({ version }) => `Version ${version} is live: what version ${number} was`,
  });
  return (
    <>
      <Button icon={<RotateCcw size={15} aria-hidden />} onClick={() => setAsking(true)}>
        Roll back to this
      </Button>
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title={`Roll back to version ${number}?`}
        confirm="Roll back"
        onConfirm={() => save.mutate()}
        busy={save.isPending}
        error={save.error}
      >
        It is made live again as a new version, with its code, settings and packages as they were. A draft with changes
        keeps them.
      </ConfirmDialog>
    </>
  );
}
