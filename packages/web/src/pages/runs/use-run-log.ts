import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { follow } from "../../api/event-stream.ts";
import { segment } from "../../api/http.ts";
import { logQuery } from "../../api/queries.ts";
import type { LogEntry, TailRunLogsResponse } from "../../api/generated/types.ts";

const NONE: readonly LogEntry[] = [];

/** The lines of a run: read from history when it was over already, followed while it goes on. */
export function useRunLog(id: string, over: boolean) {
  // One run for the life of the component (its page has the run as key). Whoever has begun to follow goes on to the end of the stream, which comes behind the run's.
  const [follows, setFollows] = useState(!over);
  const [tail, setTail] = useState(NONE);
  const [live, setLive] = useState(false);
  const [error, setError] = useState<unknown>();
  const history = useQuery({ ...logQuery(id), enabled: !follows });

  useEffect(() => {
    if (!follows) return;
    const controller = new AbortController();
    setTail(NONE);
    follow<TailRunLogsResponse>(`workflows/-/runs/${segment(id)}/logs:tail`, controller.signal, {
      event: ({ entries = [] }) => setTail((before) => [...before, ...entries]),
      state: (isLive) => {
        // A stream that is opened again begins with the first line.
        if (!isLive) setTail(NONE);
        setLive(isLive);
      },
    })
      .then(() => setLive(false))
      .catch((thrown: unknown) => setError(thrown));
    return () => controller.abort();
  }, [id, follows]);

  return {
    entries: follows ? tail : (history.data ?? NONE),
    error: error ?? history.error ?? undefined,
    live: follows && live,
  };
}
