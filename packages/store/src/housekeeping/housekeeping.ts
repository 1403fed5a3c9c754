import { collectOperations, collectRecords } from "../data-stores/collect.ts";
import type { Database } from "../database.ts";
import { pruneTests } from "../drafts/draft-tests.ts";
import { pruneSessions } from "../people/sessions.ts";
import type { Housekeeping } from "../ports.ts";
import { collectObjects, settleRuns } from "../objects/collect.ts";
import { buildDayIndexes } from "./day-indexes.ts";
import { ensureDays } from "./day-partitions.ts";
import { recountStorage } from "../storage/storage.ts";
import { checkDurability } from "./durability.ts";
import { keepHistory } from "./keep-history.ts";

const DAY_MS = 86_400_000;
const COMMITTERS_UNSEEN_DEFAULT_MS = 7 * DAY_MS;
const KEYS_BATCH = 10_000;
/** Any number, but the same in every release: rounds of two schedulers do not overlap. */
const ROUND_LOCK = 0x6d696c72;

/** Housekeeping on Postgres. */
export function createHousekeeping(database: Database): Housekeeping {
  let lookedAt: string | undefined;
  return {
    ensureHistoryPartitions: (daysAhead, nowMs) =>
      database.withClient((client) => ensureDays(client, daysAhead, nowMs)),
    alone: (work) => alone(database, work),
    keepHistory: (round) => keepHistory(database, round),
    pruneKeys: () => pruneKeys(database),
    pruneSessions: () => pruneSessions(database),
    pruneTests: (olderThanMs) => pruneTests(database, olderThanMs),
    pruneCommitters: (unseenMs = COMMITTERS_UNSEEN_DEFAULT_MS) => pruneCommitters(database, unseenMs),
    collectObjects: async (graceMs) => {
      await settleRuns(database, graceMs);
      return collectObjects(database, graceMs);
    },
    collectDataStores: async () => {
      const operations = await collectOperations(database, lookedAt);
      lookedAt = operations.next;
      return (await collectRecords(database)) + operations.removed;
    },
    buildIndexes: (isOver) => database.withClient((client) => buildDayIndexes(client, isOver)),
    recountStorage: () => recountStorage(database),
    checkDurability: () => checkDurability(database),
  };
}

/** The lock is the session's: it is free again when the process or its connection has died. */
function alone<T>(database: Database, work: () => Promise<T>): Promise<T | undefined> {
  return database.withClient(async (client) => {
    const { rows } = await client.query<{ had: boolean }>("SELECT pg_try_advisory_lock($1) AS had", [ROUND_LOCK]);
    if (rows[0]?.had !== true) return undefined;
    try {
      return await work();
    } finally {
      await client.query("SELECT pg_advisory_unlock($1)", [ROUND_LOCK]);
    }
  });
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
