import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { RotateCcw, Trash2, X } from "lucide-react";
import { useCallback, useEffect, useMemo, useState, type ReactNode } from "react";
import { Link, useSearchParams } from "react-router";
import { Page } from "../../app/page.tsx";
import { discardDeadLetter, listDeadLetters, replayDeadLetter } from "../../api/dead-letters.ts";
import type { RunFilter } from "../../api/queries.ts";
import type { Run } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { BulkStatus } from "../runs/bulk-status.tsx";
import { DEAD_LETTER_COLUMNS } from "../runs/run-columns.tsx";
import { isFiltering, NO_FILTER, readFilter, writeFilter } from "../runs/run-filter.ts";
import { TextFilter, TimeFilter, WorkflowFilter } from "../runs/run-filters.tsx";
import { RunGrid } from "../runs/run-grid.tsx";
import { useBulk, type Bulk } from "../runs/use-bulk.ts";
import { useChosen } from "../runs/use-chosen.ts";
import { SettleStatus } from "./settle-status.tsx";
import { useSettleAll, type SettleAll, type SettleProgress } from "./use-settle-all.ts";
import "../runs/runs-page.css";

const PAGE_RUNS = 200;
/** A search goes on until so many are found. */
const LEAST_FOUND = 40;
const NEWS_EVERY_MS = 5_000;

/** Runs that have failed for good, until somebody replays or discards them. */
export function DeadLettersPage() {
  const [parameters, setParameters] = useSearchParams();
  const filter = useMemo(() => readFilter(parameters), [parameters]);
  const change = useCallback((next: RunFilter) => setParameters(writeFilter(next), { replace: true }), [setParameters]);
  const part = (some: Partial<RunFilter>): void => change({ ...filter, ...some });
  // Here, since what is done to many goes on whatever the list shows meanwhile.
  const bulk = useBulk();
  const all = useSettleAll();
  return (
    <Page full title="Dead letters">
      <div className="runs-room">
        <div className="run-filters filter-line" role="search" aria-label="Dead letters">
          <TextFilter label="Cause or run id" value={filter.text} onChange={(text) => part({ text })} />
          <WorkflowFilter value={filter.workflow} onChange={(workflow) => part({ workflow })} />
          <TimeFilter filter={filter} onChange={part} />
          {isFiltering(filter) && (
            <Button kind="plain" icon={<X size={14} aria-hidden />} onClick={() => change(NO_FILTER)}>
              Clear
            </Button>
          )}
        </div>
        <BulkStatus bulk={bulk} />
        <SettleStatus all={all} />
        <DeadLetterList key={parameters.toString()} {...{ filter, bulk, all }} onClear={() => change(NO_FILTER)} />
      </div>
    </Page>
  );
}

/** The list, page by page; whether newer ones have come is looked up beside it, so that nothing moves by itself. */
function useDeadLetters(filter: RunFilter) {
  const key = ["dead-letters", filter];
  const list = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => listDeadLetters(filter, PAGE_RUNS, pageParam, signal),
    initialPageParam: "",
    getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
    staleTime: 30_000,
    refetchOnWindowFocus: false,
  });
  const newest = useQuery({
    queryKey: ["dead-letters-newest", filter],
    queryFn: ({ signal }) => listDeadLetters(filter, 1, "", signal),
    refetchInterval: NEWS_EVERY_MS,
  });
  const runs = useMemo(() => list.data?.pages.flatMap((page) => page.runs ?? []) ?? [], [list.data]);
  const newestId = newest.data?.runs?.[0]?.id ?? "";
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = list;
  // A search that was ended for its time has found little: it goes on by itself.
  const searching = hasNextPage && runs.length < LEAST_FOUND;
  useEffect(() => {
    if (searching && !isFetchingNextPage) void fetchNextPage();
  }, [searching, isFetchingNextPage, fetchNextPage]);
  return { list, runs, searching, hasNews: list.isSuccess && newestId > (runs[0]?.id ?? "") };
}

interface DeadLetterListProps extends NoDeadLettersProps {
  readonly bulk: Bulk;
  readonly all: SettleAll;
}

function DeadLetterList({ filter, onClear, bulk, all }: DeadLetterListProps) {
  const { list, runs, searching, hasNews } = useDeadLetters(filter);
  const client = useQueryClient();
  // Whatever is shown by then has changed, too.
  const refresh = () => client.resetQueries({ queryKey: ["dead-letters"] });
  const loadMore = useCallback(() => void (!list.isFetchingNextPage && list.fetchNextPage()), [list]);
  return (
    <>
      {list.isError && <ErrorNote error={list.error} onRetry={() => void list.refetch()} />}
      {(list.isPending || (searching && runs.length === 0)) && <Skeleton rows={10} label="Loading the dead letters" />}
      {list.isSuccess && !searching && runs.length === 0 && <NoDeadLetters filter={filter} onClear={onClear} />}
      {runs.length > 0 && (
        <DeadLetterRows
          {...{ runs, filter, loadMore }}
          hasMore={list.hasNextPage}
          busy={bulk.progress?.running === true || all.progress?.running === true}
          onSome={(action, ids) =>
            void bulk
              .start(
                action === "replay" ? "Replayed" : "Discarded",
                ids,
                action === "replay" ? replayDeadLetter : discardDeadLetter,
              )
              .then(refresh)
          }
          onAll={(action) => void all.start(action, filter).then(refresh)}
          news={hasNews && <Button onClick={() => void refresh()}>Show newer ones</Button>}
        />
      )}
    </>
  );
}

interface NoDeadLettersProps {
  readonly filter: RunFilter;
  readonly onClear: () => void;
}

function NoDeadLetters({ filter, onClear }: NoDeadLettersProps) {
  return (
    <div className="card">
      {isFiltering(filter) ? (
        <EmptyState title="No dead letter matches" action={<Button onClick={onClear}>Show all of them</Button>}>
          Those of other workflows, times and causes are left out.
        </EmptyState>
      ) : (
        <EmptyState
          title="No dead letters"
          command="npx millrace dead-letters list"
          action={<Link to="/runs">To the runs</Link>}
        >
          Runs that fail for good wait here until you replay or discard them.
        </EmptyState>
      )}
    </div>
  );
}

type Action = SettleProgress["action"];

interface DeadLetterRowsProps {
  readonly runs: readonly Run[];
  readonly filter: RunFilter;
  readonly hasMore: boolean;
  readonly loadMore: () => void;
  readonly busy: boolean;
  readonly onSome: (action: Action, ids: readonly string[]) => void;
  readonly onAll: (action: Action) => void;
  readonly news: ReactNode;
}

function DeadLetterRows({ runs, filter, hasMore, loadMore, busy, onSome, onAll, news }: DeadLetterRowsProps) {
  const { chosen, choose, clear } = useChosen();
  const [asking, setAsking] = useState<Action>();
  const some = chosen.size > 0;
  const begin = (action: Action): void => {
    setAsking(undefined);
    clear();
    if (some) onSome(action, [...chosen]);
    else onAll(action);
  };
  const what = some ? `${chosen.size} chosen` : isFiltering(filter) ? "all that match" : "all";
  return (
    <section className="card run-list" aria-label="List of dead letters">
      <div className="list-bar">
        <span role="status">
          {some ? (
            <strong>{chosen.size} chosen</strong>
          ) : (
            <span className="muted">
              {runs.length.toLocaleString("en")}
              {hasMore ? "+" : ""} {runs.length === 1 ? "dead letter" : "dead letters"}
            </span>
          )}
        </span>
        {news}
        <span className="bar-end">
          {some && (
            <Button kind="plain" icon={<X size={14} aria-hidden />} onClick={clear}>
              Clear
            </Button>
          )}
          <Button icon={<RotateCcw size={14} aria-hidden />} disabled={busy} onClick={() => setAsking("replay")}>
            Replay {what}
          </Button>
          <Button
            kind="danger"
            icon={<Trash2 size={14} aria-hidden />}
            disabled={busy}
            onClick={() => setAsking("discard")}
          >
            Discard {what}
          </Button>
        </span>
      </div>
      <RunGrid
        label="Dead letters"
        columns={DEAD_LETTER_COLUMNS}
        {...{ runs, hasMore, loadMore, chosen }}
        onChoose={choose}
      />
      <ConfirmDialog
        open={asking !== undefined}
        onOpenChange={() => setAsking(undefined)}
        title={`${asking === "replay" ? "Replay" : "Discard"} ${what}?`}
        confirm={asking === "replay" ? "Replay them" : "Discard them"}
        keep="Leave them"
        onConfirm={() => begin(asking!)}
        busy={false}
        error={undefined}
      >
        {asking === "replay"
          ? "Each becomes a new run of the same version with the same event, once, and leaves this list. Whatever the steps do, they do again."
          : "They leave this list and cannot be replayed from here any more. The runs stay in history."}
      </ConfirmDialog>
    </section>
  );
}
