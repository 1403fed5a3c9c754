import { collectOperations, collectRecords } from "../data-stores/collect.ts";
import type { Database } from "../database.ts";
import type { Housekeeping } from "../ports.ts";
import { collectObjects, releaseRunsBefore, settleRuns } from "../objects/collect.ts";
import { dayName, dropDaysBefore, ensureDays } from "./day-partitions.ts";
import { checkDurability } from "./durability.ts";

const DAY_MS = 86_400_000;
const COMMITTERS_UNSEEN_DEFAULT_MS = 7 * DAY_MS;
const KEYS_BATCH = 10_000;

/** Housekeeping on Postgres. */
export function createHousekeeping(database: Database): Housekeeping {
  return {
    ensureHistoryPartitions: (daysAhead, nowMs) =>
      database.withClient((client) => ensureDays(client, daysAhead, nowMs)),
    dropExpired: (retentionDays, nowMs = Date.now()) =>
      database.withClient((client) => dropDaysBefore(client, dayName(nowMs - retentionDays * DAY_MS))),
    pruneKeys: () => pruneKeys(database),
    pruneCommitters: (unseenMs = COMMITTERS_UNSEEN_DEFAULT_MS) => pruneCommitters(database, unseenMs),
    collectObjects: async (retentionDays, graceMs, nowMs = Date.now()) => {
      await releaseRunsBefore(database, dayName(nowMs - retentionDays * DAY_MS));
      await settleRuns(database, graceMs);
      return collectObjects(database, graceMs);
    },
    collectDataStores: async () => (await collectRecords(database)) + (await collectOperations(database)),
    checkDurability: () => checkDurability(database),
  };
}

/** In batches, so that no statement holds locks on keys for long. */
async function pruneKeys(database: Database): Promise<number> {
  let pruned = 0;
  for (;;) {
    const count = await database.change(
      `DELETE FROM idempotency_keys WHERE (workflow_id, key) IN (
         SELECT workflow_id, key FROM idempotency_keys WHERE expire_time <= now() LIMIT ${KEYS_BATCH} FOR UPDATE SKIP LOCKED)
       AND expire_time <= now()`,
    );
    pruned += count;
    if (count < KEYS_BATCH) return pruned;
  }
}

function pruneCommitters(database: Database, unseenMs: number): Promise<number> {
  return database.change("DELETE FROM committers WHERE seen_time < now() - $1 * interval '1 millisecond'", [unseenMs]);
}
