import { queryOptions } from "@tanstack/react-query";
import { call, segment, type Query } from "./http.ts";
import type {
  Caller,
  House,
  ListRunFilesResponse,
  ListRunLogsResponse,
  ListRunsResponse,
  ListVersionsResponse,
  ListWorkflowsResponse,
  Run,
  Workflow,
} from "./generated/types.ts";

/** Which runs a list shows; also what stands in the address of the page. */
export interface RunFilter {
  /** Id or display name; empty for all. */
  readonly workflow: string;
  readonly states: readonly string[];
  readonly text: string;
  /** Only runs that were accepted in the last so many seconds; 0 for all. */
  readonly sinceS: number;
  readonly minSeconds: string;
  readonly maxSeconds: string;
  /** Only runs that were accepted at this time or later, RFC 3339; in place of `sinceS`. */
  readonly from?: string | undefined;
  /** Only runs that were accepted earlier than this. */
  readonly to?: string | undefined;
}

export const callerQuery = queryOptions({
  queryKey: ["caller"],
  queryFn: () => call<Caller>("GET", "caller"),
  staleTime: 60_000,
  retry: false,
});

export const houseQuery = queryOptions({ queryKey: ["house"], queryFn: () => call<House>("GET", "house") });

export const workflowsQuery = queryOptions({
  queryKey: ["workflows"],
  queryFn: async () => {
    const workflows: Workflow[] = [];
    let pageToken: string | undefined = "";
    do {
      const query: Record<string, string | number> = { pageSize: 1000, pageToken };
      const page: ListWorkflowsResponse = await call<ListWorkflowsResponse>("GET", "workflows", { query });
      workflows.push(...(page.workflows ?? []));
      pageToken = page.nextPageToken;
    } while (pageToken !== undefined && pageToken !== "");
    return workflows;
  },
});

export function workflowQuery(id: string) {
  return queryOptions({
    queryKey: ["workflow", id],
    queryFn: () => call<Workflow>("GET", `workflows/${segment(id)}`),
  });
}

export function versionsQuery(id: string) {
  return queryOptions({
    queryKey: ["versions", id],
    queryFn: () => call<ListVersionsResponse>("GET", `workflows/${segment(id)}/versions`),
  });
}

/** What a filter is in a request: for lists, and for what watches them. */
export function runFilterQuery({ states, text, sinceS, minSeconds, maxSeconds, from, to }: RunFilter): Query {
  const since = sinceS > 0 ? new Date(Date.now() - sinceS * 1000).toISOString() : undefined;
  const duration = (seconds: string) => (seconds === "" ? undefined : `${Number(seconds)}s`);
  return {
    ...{ states, text, createdFrom: from ?? since, createdBefore: to },
    ...{ minDuration: duration(minSeconds), maxDuration: duration(maxSeconds) },
  };
}

/** The path of the runs that a filter is about. */
export function runsPath({ workflow }: RunFilter): string {
  return `workflows/${workflow === "" ? "-" : segment(workflow)}/runs`;
}

/** Where a page of a list begins: behind a page before, or with runs that were accepted earlier than a time. */
export interface RunPageStart {
  readonly pageToken?: string;
  readonly before?: string;
}

/** One page of the runs of a filter, newest first. */
export function listRuns(filter: RunFilter, pageSize: number, signal: AbortSignal, start: RunPageStart = {}) {
  const { pageToken, before } = start;
  const query = {
    ...runFilterQuery(filter),
    pageSize,
    pageToken,
    ...(before !== undefined && { createdBefore: before }),
  };
  return call<ListRunsResponse>("GET", runsPath(filter), { query, signal });
}

/** The newest runs of a filter, for what looks at it again and again. */
export function newestRunsQuery(filter: RunFilter, count: number) {
  return queryOptions({
    queryKey: ["runs", "newest", filter, count],
    queryFn: ({ signal }) => listRuns(filter, count, signal),
  });
}

export function runQuery(id: string) {
  return queryOptions({ queryKey: ["run", id], queryFn: () => call<Run>("GET", `workflows/-/runs/${segment(id)}`) });
}

/** How often a run that goes on is asked whether it has files by now. */
const RUN_FILES_MS = 5_000;

/** The files of a run; of one that goes on they may still come. */
export function runFilesQuery(id: string, over: boolean) {
  return queryOptions({
    queryKey: ["run-files", id],
    queryFn: ({ signal }) => call<ListRunFilesResponse>("GET", `workflows/-/runs/${segment(id)}/files`, { signal }),
    refetchInterval: over ? false : RUN_FILES_MS,
  });
}

/** All lines of a run that has ended. */
export function logQuery(id: string) {
  return queryOptions({
    queryKey: ["log", id],
    queryFn: async () => {
      const entries = [];
      let pageToken: string | undefined = "";
      do {
        const query: Record<string, string | number> = { pageSize: 10_000, pageToken };
        const page: ListRunLogsResponse = await call<ListRunLogsResponse>(
          "GET",
          `workflows/-/runs/${segment(id)}/logs`,
          {
            query,
          },
        );
        entries.push(...(page.entries ?? []));
        pageToken = page.nextPageToken;
      } while (pageToken !== undefined && pageToken !== "");
      return entries;
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
}
