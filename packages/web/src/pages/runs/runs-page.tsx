import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef } from "react";
import { Link, useSearchParams } from "react-router";
import { Page } from "../../app/page.tsx";
import type { RunFilter } from "../../api/queries.ts";
import type { Run } from "../../api/generated/types.ts";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { StateBadge } from "../../ui/run-state.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Ago } from "../../ui/time.tsx";
import { readFilter, writeFilter } from "./run-filter.ts";
import { RunFilters } from "./run-filters.tsx";
import { useRunFeed } from "./use-run-feed.ts";
import { reasonOf, RunDuration, shortId } from "./run-table.tsx";
import "./runs-page.css";

const ROW_PX = 44;
/** The next page is asked for when so many rows are left. */
const AHEAD_ROWS = 30;

/** All runs, the newest first, as they come. */
export function RunsPage() {
  const [parameters, setParameters] = useSearchParams();
  const filter = useMemo(() => readFilter(parameters), [parameters]);
  return (
    <Page title="Runs">
      <RunFilters filter={filter} onChange={(next) => setParameters(writeFilter(next), { replace: true })} />
      <RunList key={parameters.toString()} filter={filter} />
    </Page>
  );
}

function RunList({ filter }: { readonly filter: RunFilter }) {
  const { runs, error, isLoading, hasMore, loadMore, retry } = useRunFeed(filter);
  if (isLoading) return <Skeleton rows={10} label="Loading the runs" />;
  if (runs.length === 0 && error === undefined) {
    return (
      <div className="card">
        <EmptyState title="No run matches" command="npx millrace runs">
          Runs appear here the moment that they are accepted.
        </EmptyState>
      </div>
    );
  }
  return (
    <>
      {error !== undefined && <ErrorNote error={error} onRetry={retry} />}
      {runs.length > 0 && <RunRows runs={runs} hasMore={hasMore} loadMore={loadMore} />}
    </>
  );
}

interface RunRowsProps {
  readonly runs: readonly Run[];
  readonly hasMore: boolean;
  readonly loadMore: () => void;
}

function RunRows({ runs, hasMore, loadMore }: RunRowsProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: runs.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 20,
    getItemKey: (index) => runs[index]!.id!,
  });
  const items = rows.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && last >= runs.length - AHEAD_ROWS) loadMore();
  }, [hasMore, last, runs.length, loadMore]);
  return (
    <div className="card run-list" role="table" aria-label="Runs" aria-rowcount={runs.length}>
      <div role="row" className="run-row head">
        {["State", "Workflow", "Run", "Reason", "Trigger", "Started", "Took"].map((name) => (
          <span key={name} role="columnheader">
            {name}
          </span>
        ))}
      </div>
      <div ref={scroller} className="run-scroller" role="rowgroup" tabIndex={0}>
        <div style={{ height: rows.getTotalSize(), position: "relative" }}>
          {items.map(({ index, key, start }) => (
            <RunRow key={key} run={runs[index]!} index={index} top={start} />
          ))}
        </div>
      </div>
    </div>
  );
}

function RunRow({ run, index, top }: { readonly run: Run; readonly index: number; readonly top: number }) {
  return (
    <div role="row" aria-rowindex={index + 1} className="run-row" style={{ transform: `translateY(${top}px)` }}>
      <span role="cell">
        <StateBadge state={run.state} />
      </span>
      <span role="cell" className="truncate">
        {run.workflowDisplayName === "" ? <span className="faint">deleted</span> : run.workflowDisplayName}
      </span>
      <span role="cell">
        <Link to={`/runs/${run.id}`} className="mono">
          {shortId(run.id)}
        </Link>
      </span>
      <span role="cell" className="truncate faint" title={reasonOf(run)}>
        {reasonOf(run)}
      </span>
      <span role="cell" className="muted">
        {run.triggerKind}
      </span>
      <span role="cell" className="muted">
        <Ago time={run.createTime} />
      </span>
      <span role="cell" className="mono">
        <RunDuration run={run} />
      </span>
    </div>
  );
}
