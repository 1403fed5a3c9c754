import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import type { ReadSeriesResponse } from "./generated/types.ts";
import { call } from "./http.ts";

/** Which series are read. */
export interface SeriesFilter {
  /** The last so many seconds; means nothing with `from` and `to`. */
  readonly rangeS: number;
  /** Between two times instead, RFC 3339. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** Id of a workflow; empty for all. */
  readonly workflow: string;
  /** Name of a pool; empty for all. */
  readonly pool: string;
}

/** The series between two times; those that reach until now are read again and again, in a tab that is looked at. */
export function seriesQuery(filter: SeriesFilter) {
  const { rangeS, from, to, workflow, pool } = filter;
  const isFixed = from !== undefined && to !== undefined;
  return queryOptions({
    queryKey: ["series", filter],
    queryFn: ({ signal }) => {
      const endTime = isFixed ? to : new Date().toISOString();
      const startTime = isFixed ? from : new Date(Date.now() - rangeS * 1000).toISOString();
      const query = {
        ...{ startTime, endTime },
        workflow: workflow === "" ? "" : `workflows/${workflow}`,
        pool: workflow !== "" || pool === "" ? "" : `pools/${pool}`,
      };
      return call<ReadSeriesResponse>("GET", "series", { query, signal });
    },
    refetchInterval: isFixed ? false : rangeS > 86_400 ? 60_000 : 10_000,
    placeholderData: keepPreviousData,
  });
}
