import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { follow } from "../../api/event-stream.ts";
import { segment } from "../../api/http.ts";
import { runQuery } from "../../api/queries.ts";
import type { WatchRunResponse } from "../../api/generated/types.ts";
import { isOver } from "../../ui/run-state.tsx";

/** A run as it is, followed until it ends. */
export function useWatchedRun(id: string) {
  const client = useQueryClient();
  const query = useQuery(runQuery(id));
  const run = query.data;
  const live = run !== undefined && !isOver(run.state);
  useEffect(() => {
    if (!live) return;
    const controller = new AbortController();
    const { queryKey } = runQuery(id);
    follow<WatchRunResponse>(`workflows/-/runs/${segment(id)}:watch`, controller.signal, {
      // What only GetRun tells stays.
      event: ({ run: next }) =>
        next && client.setQueryData(queryKey, (old) => ({ ...next, eventJson: old?.eventJson })),
      state: () => undefined,
    })
      .catch(() => undefined)
      .finally(() => !controller.signal.aborted && void client.invalidateQueries({ queryKey }));
    return () => controller.abort();
  }, [client, id, live]);
  return { run, error: query.error ?? undefined, retry: () => void query.refetch() };
}
