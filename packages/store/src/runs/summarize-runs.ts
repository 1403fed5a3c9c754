import { isRunId, runIdDay } from "@millrace/core";
import { sql } from "kysely";
import type { Database } from "../database.ts";
import { toSummaries } from "./list-runs.ts";
import type { RunSummary } from "./run-records.ts";
import { HISTORY_COLUMNS, UNFINISHED_COLUMNS, type ListedRow } from "./run-scan.ts";

/** Those of the runs that there are, in no order; each by one look-up. One moment: a run moves to history meanwhile. */
export function summarizeRuns(database: Database, runIds: readonly string[]): Promise<readonly RunSummary[]> {
  const ids = runIds.filter(isRunId);
  return database.snapshot(async (kysely) => {
    const { rows } = await sql<ListedRow>`
      WITH wanted AS MATERIALIZED (
        SELECT * FROM unnest(${ids}::uuid[], ${ids.map(runIdDay)}::date[]) AS w (wanted_id, wanted_day)
      )
      SELECT r.* FROM wanted w CROSS JOIN LATERAL (
        SELECT ${UNFINISHED_COLUMNS} FROM runs WHERE id = w.wanted_id LIMIT 1) r
      UNION ALL
      SELECT r.* FROM wanted w CROSS JOIN LATERAL (
        SELECT ${HISTORY_COLUMNS} FROM history_runs WHERE day = w.wanted_day AND id = w.wanted_id LIMIT 1) r`.execute(
      kysely,
    );
    return toSummaries(kysely, rows);
  });
}
