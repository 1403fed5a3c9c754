import type { Database } from "../database.ts";

const BATCH = 1_000;
const OPERATIONS_BATCH = 10_000;

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

/** Forgets the writes of runs that are over: none of theirs can come any more. */
export async function collectOperations(database: Database): Promise<number> {
  let removed = 0;
  for (let batch = OPERATIONS_BATCH; batch === OPERATIONS_BATCH; removed += batch) {
    batch = await database.change(
      `DELETE FROM data_store_operations WHERE ctid = ANY (ARRAY(
         SELECT o.ctid FROM data_store_operations o
         WHERE o.create_time < now() - interval '1 minute' AND NOT EXISTS (SELECT FROM runs r WHERE r.id = o.run_id)
         LIMIT ${OPERATIONS_BATCH}))`,
    );
  }
  return removed;
}
