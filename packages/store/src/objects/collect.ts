/** What keeps objects from staying for ever: owners that are gone, and content that nobody retains. */
import type pg from "pg";
import type { Database } from "../database.ts";
import { inTransaction, markUnretained } from "./retainers.ts";

/** Rows of one transaction: none holds locks for long. */
const BATCH = 500;
/** Rows of content of one statement: some 64 MiB. */
const CHUNKS_BATCH = 128;

/** Gives up what ended runs with ids from one to another, without it, retain. */
export function releaseRange(database: Database, first: string, next: string): Promise<number> {
  return inBatches(database, (client) =>
    client.query<ReleasedRow>(
      `SELECT kind, owner_id, object_id FROM object_retainers r
       WHERE kind IN ('run', 'tmp') AND owner_id >= $1 AND owner_id < $2
         AND NOT EXISTS (SELECT FROM runs WHERE runs.id = r.owner_id::uuid)
       LIMIT ${BATCH}`,
      [first, next],
    ),
  );
}

/** Gives up what these runs retain. */
export function releaseRuns(database: Database, runIds: readonly string[]): Promise<number> {
  return inBatches(database, (client) =>
    client.query<ReleasedRow>(
      `SELECT kind, owner_id, object_id FROM object_retainers
       WHERE kind IN ('run', 'tmp') AND owner_id = ANY ($1::text[]) LIMIT ${BATCH}`,
      [runIds],
    ),
  );
}

/**
 * Looks once at what runs began to retain before the grace: a run that nobody accepted keeps nothing, and what was in `/tmp`
 * is of use to unfinished runs only. Returns how many objects were given up.
 */
export async function settleRuns(database: Database, graceMs: number): Promise<number> {
  const before = "NOT settled AND retain_time < now() - $1 * interval '1 millisecond'";
  await database.change(
    `UPDATE object_retainers r SET settled = true WHERE ${before} AND kind = 'run' AND (
       EXISTS (SELECT FROM runs WHERE runs.id = r.owner_id::uuid)
       OR EXISTS (SELECT FROM history_runs h WHERE h.day = ${DAY_OF_RUN} AND h.id = r.owner_id::uuid))`,
    [graceMs],
  );
  return inBatches(database, (client) =>
    client.query<ReleasedRow>(
      `SELECT kind, owner_id, object_id FROM object_retainers r WHERE ${before}
         AND (kind <> 'tmp' OR NOT EXISTS (SELECT FROM runs WHERE runs.id = r.owner_id::uuid))
       LIMIT ${BATCH}`,
      [graceMs],
    ),
  );
}

/** The first 48 bits of a run's id are ms since 1970. */
const DAY_OF_RUN = `(to_timestamp(('x' || lpad(left(replace(r.owner_id, '-', ''), 12), 16, '0'))::bit(64)::int8 / 1000.0)
  AT TIME ZONE 'UTC')::date`;

/**
 * Removes objects that nobody has retained for the grace, with their content; returns how many. Content goes first and in
 * batches, however large it is: a statement that takes longer than statements may would be tried in vain for ever.
 */
export async function collectObjects(database: Database, graceMs: number): Promise<number> {
  let collected = 0;
  for (;;) {
    const ids = await spoilObjects(database, graceMs);
    await removeContent(database, ids);
    collected += await database.change(
      `DELETE FROM objects o WHERE id = ANY ($2::uuid[]) AND size IS NULL AND ${UNRETAINED}`,
      [graceMs, ids],
    );
    if (ids.length < BATCH) return collected;
  }
}

const UNRETAINED = `unretained_time < now() - $1 * interval '1 millisecond'
  AND NOT EXISTS (SELECT FROM object_retainers r WHERE r.object_id = o.id)`;

/** From here on nobody reads or retains them; should the collecting end in between, they are found again. */
async function spoilObjects(database: Database, graceMs: number): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    `UPDATE objects SET size = NULL WHERE id IN (
       SELECT id FROM objects o WHERE ${UNRETAINED} ORDER BY unretained_time LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)
     RETURNING id`,
    [graceMs],
  );
  return rows.map(({ id }) => id);
}

async function removeContent(database: Database, ids: readonly string[]): Promise<void> {
  for (let removed = CHUNKS_BATCH; removed === CHUNKS_BATCH;) {
    removed = await database.change(
      `DELETE FROM object_chunks WHERE (object_id, position) IN (
         SELECT object_id, position FROM object_chunks WHERE object_id = ANY ($1::uuid[]) LIMIT ${CHUNKS_BATCH})`,
      [ids],
    );
  }
}

interface ReleasedRow {
  readonly kind: string;
  readonly owner_id: string;
  readonly object_id: string;
}

async function inBatches(
  database: Database,
  select: (client: pg.ClientBase) => Promise<pg.QueryResult<ReleasedRow>>,
): Promise<number> {
  let released = 0;
  for (;;) {
    const count = await inTransaction(database, async (client) => {
      const { rows } = await select(client);
      return release(client, rows);
    });
    released += count;
    if (count < BATCH) return released;
  }
}

async function release(client: pg.ClientBase, rows: readonly ReleasedRow[]): Promise<number> {
  if (rows.length === 0) return 0;
  const column = (name: keyof ReleasedRow): string[] => rows.map((row) => row[name]);
  await client.query("SELECT FROM objects WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE", [column("object_id")]);
  const deleted = await client.query<{ object_id: string }>(
    `DELETE FROM object_retainers r USING unnest($1::text[], $2::text[], $3::uuid[]) AS d (kind, owner_id, object_id)
     WHERE r.kind = d.kind AND r.owner_id = d.owner_id AND r.object_id = d.object_id RETURNING r.object_id`,
    [column("kind"), column("owner_id"), column("object_id")],
  );
  await markUnretained(client, deleted.rows);
  return rows.length;
}
