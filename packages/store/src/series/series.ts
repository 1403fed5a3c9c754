import type { Database } from "../database.ts";
import { keepSeries, readProgress } from "./keep-series.ts";
import { readSeries } from "./read-series.ts";
import { writeReport } from "./write-series.ts";
import { SERIES_STEP_MS, type Series } from "./series-records.ts";

/** Series on Postgres. */
export function createSeries(database: Database): Series {
  return {
    report: (scheduler, waiting) => database.withClient((client) => writeReport(client, scheduler, waiting)),
    keep: (nowMs, sample) => database.withClient((client) => keepSeries(client, nowMs, sample)),
    isKept: (nowMs) =>
      database.withClient(async (client) => {
        const until = await readProgress(client, SERIES_STEP_MS / 1000);
        return until !== undefined && nowMs - until < SERIES_STEP_MS;
      }),
    read: (query) => database.withClient((client) => readSeries(client, query)),
  };
}
