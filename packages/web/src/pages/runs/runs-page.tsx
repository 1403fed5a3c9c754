import { ArrowUp, Columns2 } from "lucide-react";
import { useCallback, useMemo, useRef, useState, type RefObject } from "react";
import { Link, useSearchParams } from "react-router";
import { Page } from "../../app/page.tsx";
import type { RunFilter } from "../../api/queries.ts";
import type { Run } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { BulkStatus } from "./bulk-status.tsx";
import { ChosenRuns } from "./chosen-runs.tsx";
import { RUN_COLUMNS } from "./run-columns.tsx";
import { isFiltering, NO_FILTER, readFilter, writeFilter } from "./run-filter.ts";
import { RunFilters } from "./run-filters.tsx";
import { RunGrid } from "./run-grid.tsx";
import { useBulk, type Bulk } from "./use-bulk.ts";
import { useChosen } from "./use-chosen.ts";
import { useRunFeed, type RunFeed } from "./use-run-feed.ts";
import "./runs-page.css";

/** All runs, the newest first, as they come. */
export function RunsPage() {
  const [parameters, setParameters] = useSearchParams();
  const filter = useMemo(() => readFilter(parameters), [parameters]);
  const change = useCallback((next: RunFilter) => setParameters(writeFilter(next), { replace: true }), [setParameters]);
  // Here, since what is done to many goes on whatever the list shows meanwhile.
  const bulk = useBulk();
  return (
    <Page
      full
      title="Runs"
      actions={
        <Link className="button" to="/runs/compare">
          <Columns2 size={15} aria-hidden />
          Compare
        </Link>
      }
    >
      <div className="runs-room">
        <RunFilters filter={filter} onChange={change} />
        <BulkStatus bulk={bulk} />
        <RunList key={parameters.toString()} filter={filter} onFilter={change} bulk={bulk} />
      </div>
    </Page>
  );
}

interface RunListProps extends OlderRunsProps {
  readonly bulk: Bulk;
}

function RunList({ filter, onFilter, bulk }: RunListProps) {
  const held = useRef(false);
  const feed = useRunFeed(filter, held);
  const { window, error, retry, searching } = feed;
  const foundNothingYet = window === undefined || (searching && window.rows.length === 0);
  if (foundNothingYet && error === undefined) return <Skeleton rows={10} label="Loading the runs" />;
  const isEmpty = window !== undefined && window.rows.length === 0 && window.arrived.length === 0;
  return (
    <>
      {error !== undefined && <ErrorNote error={error} onRetry={retry} />}
      {isEmpty && <NoRuns isFiltering={isFiltering(filter)} onClear={() => onFilter(NO_FILTER)} />}
      {window !== undefined && !isEmpty && <ShownRuns {...{ feed, held, filter, onFilter, bulk }} />}
    </>
  );
}

function NoRuns({ isFiltering: filtering, onClear }: { readonly isFiltering: boolean; readonly onClear: () => void }) {
  return (
    <div className="card">
      {filtering ? (
        <EmptyState title="No run matches" action={<Button onClick={onClear}>Show all runs</Button>}>
          Runs that match appear here the moment that they are accepted.
        </EmptyState>
      ) : (
        <EmptyState
          title="No run yet"
          command="npx millrace run my-workflow"
          action={<Link to="/">To the workflows</Link>}
        >
          Send a request to the address of a workflow, or start it by hand: the run appears here at once.
        </EmptyState>
      )}
    </div>
  );
}

interface ShownRunsProps extends RunListProps {
  readonly feed: RunFeed;
  readonly held: RefObject<boolean>;
}

function ShownRuns({ feed, held, filter, onFilter, bulk }: ShownRunsProps) {
  const { chosen, choose, clear } = useChosen();
  const [topRound, setTopRound] = useState(0);
  const { rows, hasMore, arrived, overflowed, gone } = feed.window!;
  const showArrived = (): void => {
    feed.showArrived();
    setTopRound((round) => round + 1);
  };
  return (
    <section className="card run-list" aria-label="List of runs">
      <div className="list-bar">
        {chosen.size > 0 ? (
          <ChosenRuns runs={rows} chosen={chosen} bulk={bulk} onClear={clear} />
        ) : (
          <ListState live={feed.live} searching={feed.searching} shown={rows.length} hasMore={hasMore} />
        )}
      </div>
      {(arrived.length > 0 || overflowed) && (
        <Button className="arrived" icon={<ArrowUp size={14} aria-hidden />} onClick={showArrived}>
          {arrived.length}
          {overflowed ? "+" : ""} new
        </Button>
      )}
      <RunGrid
        label="Runs"
        columns={RUN_COLUMNS}
        runs={rows}
        gone={gone}
        hasMore={hasMore && !feed.full}
        loadMore={feed.loadMore}
        chosen={chosen}
        onChoose={choose}
        held={held}
        topRound={topRound}
        end={feed.full && <OlderRuns last={rows.at(-1)!} filter={filter} onFilter={onFilter} />}
      />
    </section>
  );
}

interface ListStateProps {
  readonly live: boolean;
  readonly searching: boolean;
  readonly shown: number;
  readonly hasMore: boolean;
}

function ListState({ live, searching, shown, hasMore }: ListStateProps) {
  return (
    <>
      <span className={live ? "live-dot on" : "live-dot"} aria-hidden />
      <span role="status">{live ? "Live" : "Connecting"}</span>
      <span className="faint">
        {shown.toLocaleString("en")}
        {hasMore ? "+" : ""} {shown === 1 ? "run" : "runs"}
        {searching && ", searching further…"}
      </span>
      <span className="key-hints faint" aria-hidden>
        <kbd>j</kbd> <kbd>k</kbd> move · <kbd>Enter</kbd> open · <kbd>x</kbd> choose
      </span>
    </>
  );
}

interface OlderRunsProps {
  readonly filter: RunFilter;
  readonly onFilter: (filter: RunFilter) => void;
}

/** At the end of what a list keeps: the way to what is older. */
function OlderRuns({ last, filter, onFilter }: OlderRunsProps & { readonly last: Run }) {
  return (
    <p className="older">
      A list ends after so many runs.{" "}
      <Button onClick={() => onFilter({ ...filter, sinceS: 0, to: last.createTime })}>Show older ones</Button>
    </p>
  );
}
