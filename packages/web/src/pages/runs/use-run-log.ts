import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { follow } from "../../api/event-stream.ts";
import { call, segment } from "../../api/http.ts";
import type { ListRunLogsResponse, LogEntry, LogStream, TailRunLogsResponse } from "../../api/generated/types.ts";

const NONE: readonly LogEntry[] = [];
const PAGE_LINES = 10_000;
/** A search goes on by itself until so many lines are found. */
const LEAST_FOUND = 200;
/** Lines of a run under way that are kept; earlier ones are there again when it has ended, and in the download. */
const KEPT_LINES = 20_000;
/** New lines are shown so often at most. */
const FLUSH_MS = 120;

/** Which lines are shown. */
export interface LogFilter {
  readonly text: string;
  /** Unspecified for all. */
  readonly stream: LogStream;
  /** Name of a step; empty for all. */
  readonly step: string;
}

export interface RunLog {
  readonly entries: readonly LogEntry[];
  readonly error: unknown;
  /** True while lines arrive by themselves. */
  readonly live: boolean;
  readonly loading: boolean;
  readonly hasMore: boolean;
  readonly loadMore: () => void;
  /** True when lines before the first one shown are left out. */
  readonly cut: boolean;
}

/** The lines of a run: searched in history when it was over already, followed and searched here while it goes on. */
export function useRunLog(id: string, over: boolean, filter: LogFilter): RunLog {
  // One run for the life of the component (its page has the run as key). Whoever has begun to follow goes on to the end of
  // the stream, which comes behind the run's.
  const [follows] = useState(!over);
  const tail = useTail(id, follows);
  const history = useHistory(id, !follows, filter);
  const shown = useMemo(() => tail.lines.filter(matches(filter)), [tail.lines, filter]);
  if (!follows) return history;
  const { error, live, cut } = tail;
  return { entries: shown, error, live, cut, loading: false, hasMore: false, loadMore: () => undefined };
}

function matches({ text, stream, step }: LogFilter): (entry: LogEntry) => boolean {
  const wanted = text.toLowerCase();
  return (entry) =>
    (stream === "LOG_STREAM_UNSPECIFIED" || entry.stream === stream) &&
    (step === "" || entry.step === step) &&
    (wanted === "" || (entry.text ?? "").toLowerCase().includes(wanted));
}

function useHistory(id: string, enabled: boolean, { text, stream, step }: LogFilter): RunLog {
  const pages = useInfiniteQuery({
    queryKey: ["log", id, text, stream, step],
    queryFn: ({ pageParam, signal }) => {
      const streams = stream === "LOG_STREAM_UNSPECIFIED" ? [] : [stream];
      const query = { pageSize: PAGE_LINES, pageToken: pageParam, text, streams, step };
      return call<ListRunLogsResponse>("GET", `workflows/-/runs/${segment(id)}/logs`, { query, signal });
    },
    initialPageParam: "",
    getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 30_000,
    placeholderData: keepPreviousData,
    enabled,
  });
  const entries = useMemo(() => pages.data?.pages.flatMap((page) => page.entries ?? []) ?? NONE, [pages.data]);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = pages;
  // A page of a search may have found nothing although there is more to search.
  const searchesOn = hasNextPage && !isFetchingNextPage && entries.length < LEAST_FOUND;
  useEffect(() => {
    if (searchesOn) void fetchNextPage();
  }, [searchesOn, fetchNextPage]);
  return {
    ...{ entries, error: pages.error ?? undefined, live: false, loading: pages.isPending, cut: false },
    hasMore: hasNextPage,
    loadMore: () => void (!isFetchingNextPage && fetchNextPage()),
  };
}

function useTail(id: string, enabled: boolean) {
  const [lines, setLines] = useState(NONE);
  const [cut, setCut] = useState(false);
  const [live, setLive] = useState(false);
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    if (!enabled) return;
    const controller = new AbortController();
    let waiting: LogEntry[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = (): void => {
      timer = undefined;
      const more = waiting;
      waiting = [];
      setLines((before) => {
        const all = [...before, ...more];
        if (all.length > KEPT_LINES) setCut(true);
        return all.slice(-KEPT_LINES);
      });
    };
    // A stream that is opened again goes on behind the last line that has come.
    let behind = "";
    follow<TailRunLogsResponse>(
      `workflows/-/runs/${segment(id)}/logs:tail`,
      controller.signal,
      {
        event: ({ entries = [], cursor = "" }) => {
          behind = cursor;
          waiting.push(...entries);
          timer ??= setTimeout(show, FLUSH_MS);
        },
        state: setLive,
      },
      () => ({ cursor: behind }),
    )
      .then(() => setLive(false))
      .catch((thrown: unknown) => setError(thrown));
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [id, enabled]);
  return { lines, cut, live, error };
}
