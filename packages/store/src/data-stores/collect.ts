import type { Database } from "../database.ts";

const BATCH = 1_000;
const OPERATIONS_BATCH = 10_000;
const RUNS_PAGE = 1_000;
/** Of one round. */
const RUN_PAGES = 200;
const FIRST_ID = "00000000-0000-0000-0000-000000000000";

/** Removes records that have expired, in batches: no writer waits for more than one of them. Returns how many. */
export async function collectRecords(database: Database): Promise<number> {
  let removed = 0;
  const stores = await database.query<{ store_id: string }>(
    "SELECT DISTINCT store_id FROM data_store_records WHERE expire_time <= now()",
  );
  for (const { store_id } of stores) {
    for (let batch = BATCH; batch === BATCH; removed += batch) {
      const rows = await database.query<{ count: number }>("SELECT data_store_expire($1, $2) AS count", [
        store_id,
        BATCH,
      ]);
      batch = rows[0]!.count;
    }
  }
  return removed;
}

/** What a round has forgotten, and where the next one begins; undefined for the start. */
export interface CollectedOperations {
  readonly removed: number;
  readonly next: string | undefined;
}

/**
 * Forgets the writes of runs that are over: none of theirs can come any more. One entry of the index is read for each run, not each
 * of its writes, and of so many runs in a round; the next round goes on behind them.
 */
export async function collectOperations(database: Database, from?: string): Promise<CollectedOperations> {
  let removed = 0;
  let after = from ?? FIRST_ID;
  for (let pages = 0; pages < RUN_PAGES; pages++) {
    const runs = await nextRuns(database, after);
    removed += await forget(
      database,
      runs.filter(({ over }) => over).map(({ run_id }) => run_id),
    );
    if (runs.length < RUNS_PAGE) return { removed, next: undefined };
    after = runs.at(-1)!.run_id;
  }
  return { removed, next: after };
}

function nextRuns(database: Database, after: string): Promise<{ run_id: string; over: boolean }[]> {
  const next = (behind: string): string =>
    `SELECT o.run_id FROM data_store_operations o WHERE o.run_id > ${behind} ORDER BY o.run_id LIMIT 1`;
  return database.query(
    `WITH RECURSIVE found AS (
       SELECT (${next("$1::uuid")}) AS run_id, 1 AS place
       UNION ALL
       SELECT (${next("f.run_id")}), place + 1 FROM found f WHERE f.run_id IS NOT NULL AND place < ${RUNS_PAGE}
     )
     SELECT run_id, NOT EXISTS (SELECT FROM runs r WHERE r.id = run_id) AS over FROM found
     WHERE run_id IS NOT NULL ORDER BY run_id`,
    [after],
  );
}

/** But for those of the last minute: a write may be under way while its run ends. */
async function forget(database: Database, runIds: readonly string[]): Promise<number> {
  if (runIds.length === 0) return 0;
  let removed = 0;
  for (let batch = OPERATIONS_BATCH; batch === OPERATIONS_BATCH; removed += batch) {
    batch = await database.change(
      `DELETE FROM data_store_operations WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM data_store_operations
         WHERE run_id = ANY ($1::uuid[]) AND create_time < now() - interval '1 minute' LIMIT ${OPERATIONS_BATCH}))`,
      [runIds],
    );
  }
  return removed;
}
