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
const LOCK_TIMEOUT_MS = 20;
/** Somebody who has held a table for this long will not let go of it in time: then nobody is made to wait at all. */
const HOLDER_MS = 20;
/** Then the next round tries again. */
const ATTEMPTS_MAX = 100;
const PAUSE_MS = 200;

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
      await withShortLocks(client, table, () => createDay(client, table, day));
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

/**
 * Drops a day of all tables. Taking a partition out of its table asks for a lock that all readers and writers of the table
 * wait behind, so that alone happens under it; the files are removed afterwards, when nothing leads to them any more.
 */
export async function dropDay(client: pg.ClientBase, day: string): Promise<string[]> {
  const dropped: string[] = [];
  for (const table of DAY_TABLES) {
    const name = partitionName(table, day);
    if (!(await listDays(client, table)).includes(day)) continue;
    await withShortLocks(client, table, () => client.query(`ALTER TABLE ${table} DETACH PARTITION ${name}`));
    await client.query(`DROP TABLE ${name}`);
    dropped.push(name);
  }
  return dropped;
}

/** Removes what a process that died between the two left behind. */
export async function dropDetached(client: pg.ClientBase): Promise<void> {
  for (const table of DAY_TABLES) {
    const { rows } = await client.query<{ name: string }>(
      `SELECT c.relname AS name FROM pg_class c WHERE c.relkind = 'r' AND NOT c.relispartition
         AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass($1))
         AND c.relname ~ ('^' || $1 || '_[0-9]{4}_[0-9]{2}_[0-9]{2}$')`,
      [table],
    );
    for (const { name } of rows) await client.query(`DROP TABLE ${name}`);
  }
}

/**
 * Makes one day, in the transaction of its caller. Attaching asks for a weaker lock on the whole table than
 * `CREATE … PARTITION OF`, which would wait for every reader.
 */
export async function createDay(client: pg.ClientBase, table: DayTable, day: string): Promise<void> {
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

async function withShortLocks(client: pg.ClientBase, table: DayTable, change: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    if (attempt < ATTEMPTS_MAX && (await isHeld(client, table))) {
      await pause();
      continue;
    }
    try {
      await client.query(`BEGIN; SET LOCAL lock_timeout = '${LOCK_TIMEOUT_MS}ms'`);
      await change();
      await client.query("COMMIT");
      return;
    } catch (thrown) {
      await client.query("ROLLBACK");
      if (attempt >= ATTEMPTS_MAX || !isLockTrouble(thrown)) throw thrown;
      await pause();
    }
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

/** True while a transaction that is not short holds the table or what its days share. */
async function isHeld(client: pg.ClientBase, table: DayTable): Promise<boolean> {
  const { rows } = await client.query(
    `SELECT FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid()
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND l.relation IN (to_regclass($1), to_regclass($1 || '_other'))
       AND a.xact_start < clock_timestamp() - interval '${HOLDER_MS} milliseconds' LIMIT 1`,
    [table],
  );
  return rows.length > 0;
}

/** A lock that was not had in time, or a circle of waiters. */
function isLockTrouble(thrown: unknown): boolean {
  return thrown instanceof DatabaseError && (thrown.code === "55P03" || thrown.code === "40P01");
}
