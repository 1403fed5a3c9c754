import { useCallback, useEffect, useRef, useState } from "react";
import { listRuns, type RunFilter } from "../../api/queries.ts";
import type { ListRunsResponse, Run } from "../../api/generated/types.ts";

const PAGE_RUNS = 100;
const LIVE_EVERY_MS = 1_500;
/** Rows kept while new ones arrive; older ones are read again when somebody scrolls to them. */
const KEPT_RUNS = 3_000;

interface Feed {
  readonly runs: readonly Run[];
  /** True when there are older runs than the last one. */
  readonly hasMore: boolean;
}

export interface RunFeed extends Feed {
  readonly error: unknown;
  readonly isLoading: boolean;
  readonly loadMore: () => void;
  readonly retry: () => void;
}

/** Adds a page to what is there; of a run that is in both, what was read last. */
function merge(page: readonly Run[], there: readonly Run[]): readonly Run[] {
  const seen = new Set(page.map(({ id }) => id));
  return [...page, ...there.filter(({ id }) => !seen.has(id))].sort((a, b) => (a.id! < b.id! ? 1 : -1));
}

/** The newest page may not reach down to what is there: then runs between them are missing, and the list begins anew. */
function withNewest(there: Feed, { runs = [], nextPageToken }: ListRunsResponse): Feed {
  const hasOlder = nextPageToken !== undefined && nextPageToken !== "";
  const known = new Set(there.runs.map(({ id }) => id));
  if (hasOlder && !runs.some(({ id }) => known.has(id))) return { runs, hasMore: true };
  const all = merge(runs, there.runs);
  return all.length <= KEPT_RUNS ? { ...there, runs: all } : { runs: all.slice(0, KEPT_RUNS), hasMore: true };
}

/** The runs of a filter: the newest as they come, older ones on demand. */
export function useRunFeed(filter: RunFilter): RunFeed {
  const [feed, setFeed] = useState<Feed>();
  const [error, setError] = useState<unknown>();
  const [round, setRound] = useState(0);
  const loading = useRef(false);
  const stop = useRef(new AbortController());

  useEffect(() => {
    const controller = new AbortController();
    stop.current = controller;
    const { signal } = controller;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async (): Promise<void> => {
      try {
        const newest = await listRuns(filter, PAGE_RUNS, signal);
        setFeed((there) => withNewest(there ?? { runs: [], hasMore: Boolean(newest.nextPageToken) }, newest));
        setError(undefined);
      } catch (thrown) {
        if (!signal.aborted) setError(thrown);
      }
      if (!signal.aborted) timer = setTimeout(() => void look(), document.hidden ? 10 * LIVE_EVERY_MS : LIVE_EVERY_MS);
    };
    void look();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [filter, round]);

  const last = feed?.runs.at(-1);
  const loadMore = useCallback(() => {
    if (loading.current || last?.createTime === undefined) return;
    loading.current = true;
    // One millisecond later, so that none of the same moment is left out; those that are there already are known by their ids.
    const before = new Date(Date.parse(last.createTime) + 1).toISOString();
    listRuns(filter, PAGE_RUNS, stop.current.signal, before)
      .then(({ runs = [], nextPageToken }) =>
        setFeed((there) => there && { runs: merge(runs, there.runs), hasMore: Boolean(nextPageToken) }),
      )
      .catch((thrown: unknown) => !stop.current.signal.aborted && setError(thrown))
      .finally(() => (loading.current = false));
  }, [filter, last]);

  const retry = useCallback(() => setRound((count) => count + 1), []);
  return {
    runs: feed?.runs ?? [],
    hasMore: feed?.hasMore ?? false,
    ...{ error, isLoading: feed === undefined && error === undefined, loadMore, retry },
  };
}
