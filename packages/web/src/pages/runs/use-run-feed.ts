import { useCallback, useEffect, useMemo, useRef, useState, type RefObject } from "react";
import { follow } from "../../api/event-stream.ts";
import { listRuns, runFilterQuery, runsPath, type RunFilter } from "../../api/queries.ts";
import type { Run, WatchRunsResponse } from "../../api/generated/types.ts";
import {
  KEPT_ROWS,
  openWindow,
  release,
  withChanges,
  withOlder,
  withRelisted,
  type RunChanges,
  type RunWindow,
} from "./run-window.ts";

const PAGE_RUNS = 100;
/** A search goes on until so many runs are found. */
const LEAST_FOUND = 40;
/** Changes are shown so often at most: faster than that nobody reads. */
const FLUSH_MS = 250;
/** The same while so many come at a time that the list is another one with each. */
const BUSY_FLUSH_MS = 1_000;
const BUSY_CHANGES = 40;
/** Changes that wait to be shown, in a tab that sleeps; beyond that the list is read anew. */
const KEPT_CHANGES = 2_000;

export interface RunFeed {
  readonly window: RunWindow | undefined;
  readonly error: unknown;
  /** True while changes arrive by themselves. */
  readonly live: boolean;
  /** True while a search goes on that has found little so far. */
  readonly searching: boolean;
  /** True when the list ends although there are older runs. */
  readonly full: boolean;
  readonly loadMore: () => void;
  /** Shows what has arrived. */
  readonly showArrived: () => void;
  readonly retry: () => void;
}

/** The runs of a filter: the newest as they come, older ones on demand. While `held` says so, no row moves. */
export function useRunFeed(wanted: RunFilter, held: RefObject<boolean>): RunFeed {
  // "The last hour" begins at one time for all pages of the list and for what is watched.
  const filter = useMemo(() => fixed(wanted), [wanted]);
  const [window, setWindow] = useState<RunWindow>();
  const [error, setError] = useState<unknown>();
  const [live, setLive] = useState(false);
  const [round, setRound] = useState(0);
  const loading = useRef(false);
  const stop = useRef(new AbortController());

  useEffect(() => {
    const controller = new AbortController();
    stop.current = controller;
    const { signal } = controller;
    const fail = (thrown: unknown): void => void (!signal.aborted && setError(thrown));
    const list = (): void => {
      listRuns(filter, PAGE_RUNS, signal)
        .then((page) => {
          setError(undefined);
          setWindow((before) => (before === undefined ? openWindow(page) : withRelisted(before, page, held.current)));
        })
        .catch(fail);
    };
    list();
    const batch = new ChangeBatch((changes) => setWindow((w) => w && withChanges(w, changes, held.current)), list);
    let open = false;
    follow<WatchRunsResponse>(
      `${runsPath(filter)}:watch`,
      signal,
      {
        event: (message) => {
          // What changed before the stream began, or while it was broken, the list tells.
          if (!open || message.relist === true) list();
          open = true;
          batch.add(message);
        },
        state: (isLive) => {
          if (!isLive) open = false;
          setLive(isLive);
        },
      },
      () => runFilterQuery(filter),
    ).catch(fail);
    return () => {
      controller.abort();
      batch.stop();
    };
  }, [filter, round, held]);

  const last = window?.rows.at(-1);
  const nextPage = window?.nextPage;
  const loadMore = useCallback(() => {
    if (loading.current || (nextPage === undefined && last?.createTime === undefined)) return;
    loading.current = true;
    // One millisecond later, so that none of the same moment is left out; those that are there already are known by their ids.
    const before = nextPage === undefined ? new Date(Date.parse(last!.createTime!) + 1).toISOString() : undefined;
    const { signal } = stop.current;
    listRuns(filter, PAGE_RUNS * 2, signal, nextPage === undefined ? { before: before! } : { pageToken: nextPage })
      .finally(() => (loading.current = false))
      .then((page) => setWindow((w) => w && withOlder(w, page)))
      .catch((thrown: unknown) => !signal.aborted && setError(thrown));
  }, [filter, last, nextPage]);

  // A search that was ended for its time has found little: it goes on by itself.
  const searching = error === undefined && window?.hasMore === true && window.rows.length < LEAST_FOUND;
  useEffect(() => {
    if (searching) loadMore();
  }, [searching, loadMore]);

  const retry = useCallback(() => setRound((count) => count + 1), []);
  const overflowed = window?.overflowed === true;
  const showArrived = useCallback(() => {
    if (overflowed) setWindow(undefined);
    if (overflowed) retry();
    else setWindow((w) => w && release(w));
  }, [overflowed, retry]);
  const full = window !== undefined && window.rows.length >= KEPT_ROWS && window.hasMore;
  return { window, error, live, searching, full, loadMore, showArrived, retry };
}

function fixed(filter: RunFilter): RunFilter {
  if (filter.sinceS === 0) return filter;
  return { ...filter, sinceS: 0, from: new Date(Date.now() - filter.sinceS * 1000).toISOString() };
}

/** Gathers changes and hands them on now and then, each run once. */
class ChangeBatch {
  readonly #runs = new Map<string, Run>();
  readonly #left = new Set<string>();
  readonly #flush: (changes: RunChanges) => void;
  readonly #relist: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pauseMs = FLUSH_MS;
  #lost = false;

  constructor(flush: (changes: RunChanges) => void, relist: () => void) {
    this.#flush = flush;
    this.#relist = relist;
  }

  get #size(): number {
    return this.#runs.size + this.#left.size;
  }

  add({ runs = [], left = [] }: WatchRunsResponse): void {
    for (const run of runs) {
      this.#runs.set(run.id!, run);
      this.#left.delete(run.id!);
    }
    for (const name of left) {
      const id = name.split("/").at(-1)!;
      this.#left.add(id);
      this.#runs.delete(id);
    }
    if (this.#size > KEPT_CHANGES) {
      this.#runs.clear();
      this.#left.clear();
      this.#lost = true;
    }
    if (this.#size > 0 || this.#lost) this.#timer ??= setTimeout(() => this.#show(), this.#pauseMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #show(): void {
    this.#timer = undefined;
    if (this.#lost) this.#relist();
    this.#lost = false;
    this.#pauseMs = this.#size > BUSY_CHANGES ? BUSY_FLUSH_MS : FLUSH_MS;
    this.#flush({ runs: [...this.#runs.values()], left: [...this.#left] });
    this.#runs.clear();
    this.#left.clear();
  }
}
