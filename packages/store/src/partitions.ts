import {
  isRunId,
  PlatformError,
  resumePath,
  runIdDay,
  type FoundRun,
  type LoadedPartition,
  type OutboxPage,
  type RunState,
  type WakePage,
  type WakeQuery,
} from "@millrace/core";
import type pg from "pg";
import type { Database } from "./database.ts";
import { loadRuns } from "./loaded-runs.ts";
import { readOutbox } from "./outbox.ts";
import type { Partitions } from "./ports.ts";

/** Ownership on Postgres. */
export function createPartitions(database: Database): Partitions {
  return {
    count: () => countPartitions(database),
    registerCommitter: (id) => registerCommitter(database, id),
    take: (partitions) => takePartitions(database, partitions),
    load: (epochs) => database.withClient((client) => inSnapshot(client, () => loadPartitions(client, epochs))),
    page: (queries, untilMs, limit) =>
      database.withClient((client) => inSnapshot(client, () => readPages(client, queries, untilMs, limit))),
    find: (runId, path) => database.withClient((client) => inSnapshot(client, () => findRun(client, runId, path))),
    readOutbox: (partition, limit) => database.withClient((client) => readOutboxPage(client, partition, limit)),
  };
}

async function countPartitions(database: Database): Promise<number> {
  const rows = await database.query<{ partition_count: number }>("SELECT partition_count FROM house");
  return rows[0]!.partition_count;
}

/** A name that has committed before would find its first commits done already. */
async function registerCommitter(database: Database, id: string): Promise<void> {
  const changed = await database.change(
    `INSERT INTO committers (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET seen_time = now() WHERE committers.number = 0`,
    [id],
  );
  if (changed > 0) return;
  throw new PlatformError("AlreadyExists", "COMMITTER_EXISTS", `A scheduler has committed as "${id}" before`);
}

/** Locks in the order in which commits lock, so that the two cannot wait for each other in a circle. */
async function takePartitions(database: Database, partitions: readonly number[]): Promise<Map<number, number>> {
  const rows = await database.query<{ partition: number; epoch: number }>(
    `WITH locked AS MATERIALIZED (
       SELECT partition FROM partitions WHERE partition = ANY ($1) ORDER BY partition FOR NO KEY UPDATE
     )
     UPDATE partitions p SET epoch = p.epoch + 1 FROM locked WHERE p.partition = locked.partition
     RETURNING p.partition, p.epoch`,
    [[...partitions]],
  );
  return new Map(rows.map(({ partition, epoch }) => [partition, epoch]));
}

/** A new snapshot for all that is read in it. */
async function inSnapshot<T>(client: pg.ClientBase, read: () => Promise<T>): Promise<T> {
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  try {
    return await read();
  } finally {
    await client.query("COMMIT");
  }
}

/**
 * One snapshot for all of it, begun after the take was committed: a snapshot from before would miss what the former owner
 * committed while the take waited for it. Paused runs stay where they are; only when the first of them wakes is read.
 */
async function loadPartitions(
  client: pg.ClientBase,
  epochs: ReadonlyMap<number, number>,
): Promise<ReadonlyMap<number, LoadedPartition>> {
  const held = await readHeld(client, epochs);
  const runs = await loadRuns(client, "partition = ANY ($1) AND wake_time IS NULL", [held]);
  const wakes = await readNextWakes(client, new Map(held.map((partition) => [partition, null])));
  const outbox = await readOutbox(client, held, OUTBOX_PAGE);
  const loaded = new Map<number, LoadedPartition & { rows: typeof runs }>();
  for (const partition of held) {
    const nextWakeMs = wakes.get(partition) ?? null;
    loaded.set(partition, { rows: [], nextWakeMs, outbox: outbox.get(partition) ?? NO_MESSAGES });
  }
  for (const run of runs) loaded.get(run.partition)!.rows.push(run);
  return loaded;
}

async function readHeld(client: pg.ClientBase, epochs: ReadonlyMap<number, number>): Promise<number[]> {
  const { rows } = await client.query<{ partition: number; epoch: number }>(
    "SELECT partition, epoch FROM partitions WHERE partition = ANY ($1) ORDER BY partition",
    [[...epochs.keys()]],
  );
  return rows.filter(({ partition, epoch }) => epochs.get(partition) === epoch).map(({ partition }) => partition);
}

/** When the first paused run wakes after a time; partitions without one are missing. */
async function readNextWakes(
  client: pg.ClientBase,
  after: ReadonlyMap<number, number | null>,
): Promise<Map<number, number>> {
  const { rows } = await client.query<{ partition: number; wake_time: number }>(
    `SELECT p.partition, r.wake_time FROM unnest($1::int4[], $2::timestamptz[]) AS p (partition, after)
     CROSS JOIN LATERAL (SELECT wake_time FROM runs WHERE partition = p.partition AND wake_time IS NOT NULL
       AND wake_time > COALESCE(p.after, '-infinity') ORDER BY wake_time LIMIT 1) r`,
    [[...after.keys()], [...after.values()].map((ms) => (ms === null ? null : new Date(ms)))],
  );
  return new Map(rows.map(({ partition, wake_time }) => [partition, wake_time]));
}

/** Runs that wake at the same moment come together: where a page ends is a time. */
async function readPages(
  client: pg.ClientBase,
  queries: ReadonlyMap<number, WakeQuery>,
  untilMs: number,
  limit: number,
): Promise<ReadonlyMap<number, WakePage>> {
  const epochs = new Map([...queries].map(([partition, { epoch }]) => [partition, epoch]));
  const held = await readHeld(client, epochs);
  const { rows: ids } = await client.query<{ id: string; partition: number; wake_time: number }>(
    `SELECT r.id, p.partition, r.wake_time FROM unnest($1::int4[], $2::timestamptz[]) AS p (partition, after)
     CROSS JOIN LATERAL (SELECT id, wake_time FROM runs WHERE partition = p.partition AND wake_time IS NOT NULL
       AND wake_time > p.after AND wake_time <= $3 ORDER BY wake_time FETCH FIRST ${limit} ROWS WITH TIES) r`,
    [held, held.map((partition) => new Date(queries.get(partition)!.readToMs)), new Date(untilMs)],
  );
  const runs = await loadRuns(client, "id = ANY ($1)", [ids.map(({ id }) => id)]);
  const readTo = new Map(held.map((partition) => [partition, untilMs]));
  for (const partition of held) {
    const times = ids.filter((row) => row.partition === partition).map((row) => row.wake_time);
    if (times.length >= limit) readTo.set(partition, Math.max(...times));
  }
  const wakes = await readNextWakes(client, readTo);
  return new Map(
    held.map((partition) => [
      partition,
      {
        rows: runs.filter((run) => run.partition === partition),
        readToMs: readTo.get(partition)!,
        nextWakeMs: wakes.get(partition) ?? null,
      },
    ]),
  );
}

interface FoundRow {
  readonly state: RunState;
  readonly resumed_by: string | null;
}

async function findRun(client: pg.ClientBase, runId: string, path: string): Promise<FoundRun> {
  if (!isRunId(runId)) return { state: undefined, paused: undefined, resumedBy: undefined };
  const { rows } = await client.query<FoundRow>(
    `SELECT r.state, (SELECT execution_id FROM run_steps WHERE run_id = $1 AND path = $3) AS resumed_by
     FROM runs r WHERE r.id = $1
     UNION ALL
     SELECT h.state, (SELECT execution_id FROM history_steps WHERE day = $2 AND run_id = $1 AND path = $3)
     FROM history_runs h WHERE h.day = $2 AND h.id = $1`,
    [runId, runIdDay(runId), resumePath(path)],
  );
  const [row] = rows;
  const [paused] = row?.state === "SUSPENDED" ? await loadRuns(client, "id = ANY ($1)", [[runId]]) : [];
  return { state: row?.state, paused, resumedBy: row?.resumed_by ?? undefined };
}

async function readOutboxPage(client: pg.ClientBase, partition: number, limit: number): Promise<OutboxPage> {
  return (await readOutbox(client, [partition], limit)).get(partition) ?? NO_MESSAGES;
}

/** Messages of a partition that a new owner reads at once. */
const OUTBOX_PAGE = 200;
const NO_MESSAGES: OutboxPage = { messages: [], more: false };
