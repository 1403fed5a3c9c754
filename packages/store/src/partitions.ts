import {
  isRunId,
  PlatformError,
  resumePath,
  runIdDay,
  type FoundRun,
  type LoadedPartition,
  type RunState,
  type WakePage,
  type WakeQuery,
} from "@millrace/core";
import type pg from "pg";
import type { Database } from "./database.ts";
import { loadRuns } from "./loaded-runs.ts";
import { readOutbox, readOutboxTargets } from "./outbox.ts";
import type { PageBounds, Partitions } from "./ports.ts";
import { leaseShares, readShares } from "./queue-shares.ts";
import { readQueuePages, readQueues } from "./queues.ts";
import { RUN_BYTES } from "./run-sizes.ts";
import { findSubmits } from "./submits.ts";

/** Ownership on Postgres. */
export function createPartitions(database: Database): Partitions {
  return {
    count: () => countPartitions(database),
    registerCommitter: (id) => registerCommitter(database, id),
    take: (partitions) => takePartitions(database, partitions),
    load: (epochs) => database.withClient((client) => inSnapshot(client, () => loadPartitions(client, epochs))),
    page: (queries, untilMs, bounds) =>
      database.withClient((client) => inSnapshot(client, () => readPages(client, queries, untilMs, bounds))),
    find: (runId, path) => database.withClient((client) => inSnapshot(client, () => findRun(client, runId, path))),
    pageQueues: (queries) =>
      database.withClient((client) => inSnapshot(client, () => readPagesOf(client, queries, readQueuePages))),
    leaseShares: (requests, limitDefault) =>
      database.withClient((client) => leaseShares(client, requests, limitDefault)),
    findSubmits: (queries) => findSubmits(database, queries),
    readOutbox: (queries) =>
      database.withClient((client) => inSnapshot(client, () => readPagesOf(client, queries, readOutbox))),
    readOutboxTargets: (partition, beyond, limit) =>
      database.withClient(async (client) =>
        (await readOutboxTargets(client, [partition], beyond, limit)).get(partition)!,
      ),
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
 * committed while the take waited for it. Paused and parked runs stay where they are; when the first of them wakes, and how many
 * are parked, is all that is read.
 */
async function loadPartitions(
  client: pg.ClientBase,
  epochs: ReadonlyMap<number, number>,
): Promise<ReadonlyMap<number, LoadedPartition>> {
  const held = await readHeld(client, epochs);
  const runs = await loadRuns(client, "partition = ANY ($1) AND wake_time IS NULL AND NOT parked", [held]);
  const queues = await readQueues(client, held);
  const shares = await readShares(client, held);
  const wakes = await readNextWakes(client, new Map(held.map((partition) => [partition, FROM_THE_BEGINNING])));
  const outbox = await readOutboxTargets(client, held, NOBODY, OUTBOX_TARGETS);
  const loaded = new Map<number, LoadedPartition & { rows: typeof runs }>();
  for (const partition of held) {
    const nextWakeMs = wakes.get(partition) ?? null;
    const queue = {
      queues: queues.get(partition) ?? [],
      shares: shares.get(partition) ?? [],
      outbox: outbox.get(partition)!,
    };
    loaded.set(partition, { rows: [], nextWakeMs, ...queue });
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

/** Pages of partitions whose epoch has moved are undefined. */
async function readPagesOf<Query extends { readonly partition: number; readonly epoch: number }, Page>(
  client: pg.ClientBase,
  queries: readonly Query[],
  read: (client: pg.ClientBase, queries: readonly Query[]) => Promise<readonly Page[]>,
): Promise<readonly (Page | undefined)[]> {
  const held = new Set(await readHeld(client, new Map(queries.map(({ partition, epoch }) => [partition, epoch]))));
  const wanted = queries.filter(({ partition }) => held.has(partition));
  const pages = await read(client, wanted);
  const found = new Map(wanted.map((query, index) => [query, pages[index]!]));
  return queries.map((query) => found.get(query));
}

/** Where paging in the paused runs of a partition stands. */
type Place = Omit<WakeQuery, "epoch">;

const FROM_THE_BEGINNING: Place = { readToMs: 0, readToId: "00000000-0000-0000-0000-000000000000" };
const LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** When the first paused run behind a place wakes; partitions without one are missing. */
async function readNextWakes(client: pg.ClientBase, after: ReadonlyMap<number, Place>): Promise<Map<number, number>> {
  const places = [...after.values()];
  const { rows } = await client.query<{ partition: number; wake_time: number }>(
    `SELECT p.partition, r.wake_time FROM unnest($1::int4[], $2::timestamptz[], $3::uuid[]) AS p (partition, after, after_id)
     CROSS JOIN LATERAL (SELECT wake_time FROM runs WHERE partition = p.partition AND wake_time IS NOT NULL
       AND (wake_time, id) > (p.after, p.after_id) ORDER BY wake_time, id LIMIT 1) r`,
    [[...after.keys()], places.map(({ readToMs }) => new Date(readToMs)), places.map(({ readToId }) => readToId)],
  );
  return new Map(rows.map(({ partition, wake_time }) => [partition, wake_time]));
}

interface WakeRow {
  readonly id: string;
  readonly partition: number;
  readonly wake_time: number;
  readonly bytes: number;
}

/** Bounded by number and by bytes; the first run comes whatever its size. */
async function readPages(
  client: pg.ClientBase,
  queries: ReadonlyMap<number, WakeQuery>,
  untilMs: number,
  { runsMax, bytesMax }: PageBounds,
): Promise<ReadonlyMap<number, WakePage>> {
  const epochs = new Map([...queries].map(([partition, { epoch }]) => [partition, epoch]));
  const held = await readHeld(client, epochs);
  const places = held.map((partition) => queries.get(partition)!);
  const { rows } = await client.query<WakeRow>(
    `SELECT r.id, p.partition, r.wake_time, (sum(r.bytes) OVER (PARTITION BY p.partition ORDER BY r.wake_time, r.id))::float8 AS bytes
     FROM unnest($1::int4[], $2::timestamptz[], $3::uuid[]) AS p (partition, after, after_id)
     CROSS JOIN LATERAL (SELECT r.id, r.wake_time, ${RUN_BYTES} AS bytes FROM runs r
       WHERE r.partition = p.partition AND r.wake_time IS NOT NULL AND (r.wake_time, r.id) > (p.after, p.after_id)
         AND r.wake_time <= $4 ORDER BY r.wake_time, r.id LIMIT $5) r ORDER BY r.wake_time, r.id`,
    [
      held,
      places.map(({ readToMs }) => new Date(readToMs)),
      places.map(({ readToId }) => readToId),
      new Date(untilMs),
      runsMax,
    ],
  );
  const byPartition = Map.groupBy(rows, ({ partition }) => partition);
  const cuts = new Map(held.map((partition) => [partition, cutPage(byPartition.get(partition) ?? [], bytesMax)]));
  const ids = [...cuts.values()].flatMap((cut) => cut.map(({ id }) => id));
  const runs = Map.groupBy(await loadRuns(client, "id = ANY ($1)", [ids]), ({ partition }) => partition);
  const readTo = new Map<number, Place>();
  for (const [partition, cut] of cuts) {
    const found = byPartition.get(partition)?.length ?? 0;
    const last = cut.length < found || found >= runsMax ? cut.at(-1) : undefined;
    const place = last && { readToMs: last.wake_time, readToId: last.id };
    readTo.set(partition, place ?? { readToMs: untilMs, readToId: LAST_ID });
  }
  const wakes = await readNextWakes(client, readTo);
  const page = (partition: number): WakePage => ({
    rows: runs.get(partition) ?? [],
    ...readTo.get(partition)!,
    nextWakeMs: wakes.get(partition) ?? null,
  });
  return new Map(held.map((partition) => [partition, page(partition)]));
}

function cutPage(rows: readonly WakeRow[], bytesMax: number): readonly WakeRow[] {
  const large = rows.findIndex(({ bytes }, index) => index > 0 && bytes > bytesMax);
  return large < 0 ? rows : rows.slice(0, large);
}

interface FoundRow {
  readonly state: RunState;
  readonly parked: boolean;
  readonly resumed_by: string | null;
}

async function findRun(client: pg.ClientBase, runId: string, path: string): Promise<FoundRun> {
  if (!isRunId(runId)) return { state: undefined, resting: undefined, resumedBy: undefined };
  const { rows } = await client.query<FoundRow>(
    `SELECT r.state, r.parked, (SELECT execution_id FROM run_steps WHERE run_id = $1 AND path = $3) AS resumed_by
     FROM runs r WHERE r.id = $1
     UNION ALL
     SELECT h.state, false, (SELECT execution_id FROM history_steps WHERE day = $2 AND run_id = $1 AND path = $3)
     FROM history_runs h WHERE h.day = $2 AND h.id = $1`,
    [runId, runIdDay(runId), resumePath(path)],
  );
  const [row] = rows;
  const rests = row?.state === "SUSPENDED" || row?.parked === true;
  const [resting] = rests ? await loadRuns(client, "id = ANY ($1)", [[runId]]) : [];
  return { state: row?.state, resting, resumedBy: row?.resumed_by ?? undefined };
}

/** Targets of a partition's messages that a new owner reads at once. */
const OUTBOX_TARGETS = 64;
/** Every target stands behind it. */
const NOBODY = "";
