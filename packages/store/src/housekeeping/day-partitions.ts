/**
 * History and logs are partitioned by day, the day in the run's id. Days are made ahead, so that a commit never waits for one;
 * a default partition takes what comes for a day that is missing, and hands it over when the day is made.
 */
import type pg from "pg";
import { DatabaseError } from "pg";

/** Tables with one partition for each day. */
export const DAY_TABLES = ["history_runs", "history_steps", "log_lines"] as const;

/** A table with one partition for each day. */
export type DayTable = (typeof DAY_TABLES)[number];

/** Days that are made ahead: the housekeeping may be away for a week. */
export const DAYS_AHEAD_DEFAULT = 7;
const DAY_MS = 86_400_000;
/** Whoever waits for a table's lock holds up all commits behind it, so it gives up soon and tries again. */
const LOCK_TIMEOUT_MS = 200;
const ATTEMPTS_MAX = 50;
const PAUSE_MS = 100;

/** `2026-01-31` */
export function dayName(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

function partitionName(table: DayTable, day: string): string {
  return `${table}_${day.replaceAll("-", "_")}`;
}

/** Makes the partitions from yesterday on that are missing. */
export async function ensureDays(
  client: pg.ClientBase,
  daysAhead = DAYS_AHEAD_DEFAULT,
  nowMs = Date.now(),
): Promise<void> {
  const days = Array.from({ length: daysAhead + 2 }, (_, index) => dayName(nowMs + (index - 1) * DAY_MS));
  for (const table of DAY_TABLES) {
    const existing = new Set(await listDays(client, table));
    for (const day of days.filter((name) => !existing.has(name))) {
      await withShortLocks(client, () => createDay(client, table, day));
    }
  }
}

/** Days of a table that have a partition, ascending. */
export async function listDays(client: pg.ClientBase, table: DayTable): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = to_regclass($1) AND c.relname <> $1 || '_other' ORDER BY c.relname`,
    [table],
  );
  return rows.map(({ name }) => name.slice(table.length + 1).replaceAll("_", "-"));
}

/** Drops the days before a day; returns the names of the partitions. */
export async function dropDaysBefore(client: pg.ClientBase, firstDay: string): Promise<string[]> {
  const dropped: string[] = [];
  for (const table of DAY_TABLES) {
    for (const day of (await listDays(client, table)).filter((name) => name < firstDay)) {
      const name = partitionName(table, day);
      await withShortLocks(client, () => client.query(`DROP TABLE IF EXISTS ${name}`));
      dropped.push(name);
    }
    await client.query(`DELETE FROM ${table}_other WHERE day < $1`, [firstDay]);
  }
  return dropped;
}

/** Attaching asks for a weaker lock on the whole table than `CREATE … PARTITION OF`, which would wait for every reader. */
async function createDay(client: pg.ClientBase, table: DayTable, day: string): Promise<void> {
  const name = partitionName(table, day);
  const next = dayName(Date.parse(day) + DAY_MS);
  await client.query("SELECT pg_advisory_xact_lock(hashtext($1))", [name]);
  const { rows } = await client.query("SELECT WHERE to_regclass($1) IS NOT NULL", [name]);
  if (rows.length > 0) return;
  await client.query(`CREATE TABLE ${name} (LIKE ${table} INCLUDING ALL)`);
  await client.query(`LOCK TABLE ${table}_other IN ACCESS EXCLUSIVE MODE`);
  await client.query(
    `WITH early AS (DELETE FROM ${table}_other WHERE day = '${day}' RETURNING *) INSERT INTO ${name} SELECT * FROM early`,
  );
  await client.query(`ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM ('${day}') TO ('${next}')`);
}

async function withShortLocks(client: pg.ClientBase, change: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.query(`BEGIN; SET LOCAL lock_timeout = '${LOCK_TIMEOUT_MS}ms'`);
      await change();
      await client.query("COMMIT");
      return;
    } catch (thrown) {
      await client.query("ROLLBACK");
      if (attempt === ATTEMPTS_MAX || !isLockTrouble(thrown)) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

/** A lock that was not had in time, or a circle of waiters. */
function isLockTrouble(thrown: unknown): boolean {
  return thrown instanceof DatabaseError && (thrown.code === "55P03" || thrown.code === "40P01");
}
