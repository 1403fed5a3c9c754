import { crc32 } from "node:zlib";
import { PlatformError } from "@millrace/core";
import type pg from "pg";
import type { AssignmentKey } from "../assignments.ts";
import type { Database } from "../database.ts";
import {
  DATA_STORE_BOUNDS as BOUNDS,
  type DataStoreEntry,
  type DataStoreOperation,
  type DataStorePage,
  type DataStoreRecord,
  type DataStores,
  type DataStoreScan,
} from "./data-store-records.ts";
import type { StorageGuard } from "../storage/storage.ts";
import { toRefusal } from "./refusals.ts";

/** Data stores on Postgres. */
export function createDataStores(database: Database, storage: StorageGuard): DataStores {
  return {
    list: (projectId) => listStores(database, projectId),
    write: async (projectId, store, operations, options) => {
      const bytes = storedBytes(operations);
      if (bytes > 0) await storage.assertRoom(projectId, bytes);
      return write(database, projectId, store, operations, options);
    },
    read: (projectId, store, keys) => read(database, projectId, store, keys),
    keys: (projectId, store, scan) => scanKeys(database, projectId, store, scan),
    entries: (projectId, store, scan) => scanEntries(database, projectId, store, scan),
    count: (projectId, store) => count(database, projectId, store),
    clear: (projectId, store, after, assignment) => clear(database, projectId, store, after, assignment),
    remove: (projectId, store) => remove(database, projectId, store),
  };
}

type WriteOptions = Parameters<DataStores["write"]>[3];

/** Statements are prepared once in each connection: their plans cost more than they do. */
async function query<Row extends pg.QueryResultRow>(database: Database, name: string, text: string, values: unknown[]) {
  return database.withClient(async (client) => (await client.query<Row>({ name, text, values })).rows);
}

const STORE = "(SELECT id FROM data_stores WHERE project_id = $1 AND name = $2)";
const LIVE = "(expire_time IS NULL OR expire_time > now())";

async function listStores(database: Database, projectId: string): Promise<DataStoreRecord[]> {
  const rows = await database.query<{ name: string; records: number; bytes: number; create_time: number }>(
    `SELECT d.name, COALESCE(sum(s.records), 0)::int8 AS records, COALESCE(sum(s.bytes), 0)::int8 AS bytes, d.create_time
     FROM data_stores d LEFT JOIN data_store_sizes s ON s.store_id = d.id
     WHERE d.project_id = $1 GROUP BY d.id ORDER BY d.name`,
    [projectId],
  );
  return rows.map(({ create_time, ...row }) => ({ ...row, createTimeMs: create_time }));
}

/** Changes nothing only when the operation was made before: whoever changes something has a transaction id by then. */
const WRITE = `SELECT reason, place, results, pg_current_xact_id_if_assigned() IS NULL AS unchanged FROM data_store_write(
  $1::uuid, $2::text, $3::int4[], $4::uuid, $5::int4, $6::text, $7::int8, $8::int8, $9::bytea,
  $10::text[], $11::bytea[], $12::bytea[], $13::numeric[], $14::float8[], $15::int4, $16::int8, $17::int4)`;

interface WrittenRow {
  reason: string | null;
  place: number | null;
  results: (Buffer | null)[];
  unchanged: boolean;
}

async function write(
  database: Database,
  projectId: string,
  store: string,
  operations: readonly DataStoreOperation[],
  { bytesMax, origin }: WriteOptions,
): Promise<(Uint8Array | null)[]> {
  const keys = operations.map(({ key }) => Buffer.from(key));
  const values = [
    projectId,
    store,
    locksOf(keys),
    origin?.runId ?? null,
    origin?.assignment ?? null,
    origin?.path ?? null,
    origin?.execution ?? null,
    origin?.number ?? null,
    origin === undefined ? null : Buffer.from(origin.digest),
    operations.map(({ kind }) => kind),
    keys,
    operations.map(({ value }) => value && Buffer.from(value)),
    operations.map(({ amount }) => amount),
    operations.map(({ ttl }) => ttl),
    BOUNDS.valueBytes,
    bytesMax,
    BOUNDS.storesOfProject,
  ];
  const [row] = await query<WrittenRow>(database, "data_store_write", WRITE, values);
  const { reason, place, results, unchanged } = row!;
  if (reason !== null) throw toRefusal(reason, store, operations[(place ?? 0) - 1]?.key);
  if (unchanged) await database.confirm();
  return operations.map((_, index) => results[index] ?? null);
}

/** What operations may add; whatever they replace is not looked for. */
function storedBytes(operations: readonly DataStoreOperation[]): number {
  const sizes = operations
    .filter(({ kind }) => kind === "set" || kind === "insert" || kind === "append")
    .map(({ key, value }) => key.length + (value?.length ?? 0));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Locks of keys, sorted: no two writers wait for each other in a circle. */
function locksOf(keys: readonly Buffer[]): number[] {
  return [...new Set(keys.map((key) => crc32(key) & 0xff))].sort((a, b) => a - b);
}

interface EntryRow {
  key: Buffer;
  value: Buffer;
  expire_time: number | null;
  /** How many there would be without the bound of a page's bytes. */
  total: number;
}

/** As many of `candidates` as fit a page by their bytes, one at least. */
const fitting = (candidates: string): string => `
  SELECT key, value, expire_time, total FROM (
    SELECT key, value, expire_time, count(*) OVER () AS total, row_number() OVER (ORDER BY key) AS place,
      sum(octet_length(value)) OVER (ORDER BY key) AS bytes
    FROM (${candidates}) c
  ) sized WHERE place = 1 OR bytes <= ${BOUNDS.pageBytes} ORDER BY key`;

const READ = fitting(
  `SELECT * FROM data_store_records WHERE store_id = ${STORE} AND key = ANY ($3::bytea[]) AND ${LIVE}`,
);

async function read(
  database: Database,
  projectId: string,
  store: string,
  keys: readonly string[],
): Promise<DataStorePage<DataStoreEntry>> {
  const values = [projectId, store, keys.map((key) => Buffer.from(key))];
  const rows = await query<EntryRow>(database, "data_store_read", READ, values);
  return { items: rows.map(toEntry), more: rows.length < (rows[0]?.total ?? 0) };
}

function toEntry({ key, value, expire_time }: EntryRow): DataStoreEntry {
  return { key: key.toString(), value, expireTimeMs: expire_time };
}

/** Keys from a prefix on, behind the page before: `$3` is where they begin, `$4` where the prefix ends (null: nowhere). */
const RANGE = `store_id = ${STORE} AND key >= $3 AND key > $4 AND ($5::bytea IS NULL OR key < $5) AND ${LIVE}`;
const KEYS = `SELECT key FROM data_store_records WHERE ${RANGE} ORDER BY key LIMIT $6`;
const ENTRIES = fitting(`SELECT * FROM data_store_records WHERE ${RANGE} ORDER BY key LIMIT $6`);

function rangeOf(projectId: string, store: string, { prefix, after, limit }: DataStoreScan): unknown[] {
  const start = Buffer.from(prefix);
  return [projectId, store, start, Buffer.from(after), endOf(start), limit];
}

/** The first key behind all that start with a prefix; null when there is none. */
function endOf(prefix: Buffer): Buffer | null {
  const end = Buffer.from(prefix);
  for (let i = end.length - 1; i >= 0; i--) {
    if (end[i] === 0xff) continue;
    end[i]!++;
    return end.subarray(0, i + 1);
  }
  return null;
}

async function scanKeys(
  database: Database,
  projectId: string,
  store: string,
  scan: DataStoreScan,
): Promise<DataStorePage<string>> {
  const rows = await query<{ key: Buffer }>(database, "data_store_keys", KEYS, rangeOf(projectId, store, scan));
  return { items: rows.map(({ key }) => key.toString()), more: rows.length === scan.limit };
}

async function scanEntries(
  database: Database,
  projectId: string,
  store: string,
  scan: DataStoreScan,
): Promise<DataStorePage<DataStoreEntry>> {
  const rows = await query<EntryRow>(database, "data_store_entries", ENTRIES, rangeOf(projectId, store, scan));
  const total = rows[0]?.total ?? 0;
  return { items: rows.map(toEntry), more: rows.length < total || total === scan.limit };
}

/** In one statement, so that both counts see one moment. */
const COUNT = `SELECT COALESCE((SELECT sum(records) FROM data_store_sizes WHERE store_id = ${STORE}), 0)::int8
  - (SELECT count(*) FROM data_store_records WHERE store_id = ${STORE} AND expire_time <= now()) AS count`;

async function count(database: Database, projectId: string, store: string): Promise<number> {
  const rows = await query<{ count: number }>(database, "data_store_count", COUNT, [projectId, store]);
  return rows[0]!.count;
}

const CLEAR = "SELECT reason, removed, last_key FROM data_store_clear($1, $2, $3, $4, $5, $6)";

async function clear(
  database: Database,
  projectId: string,
  store: string,
  after: string,
  assignment?: AssignmentKey,
): Promise<string | undefined> {
  const values = [projectId, store, Buffer.from(after), BOUNDS.page];
  const run = [assignment?.runId ?? null, assignment?.assignment ?? null];
  const [row] = await query<{ reason: string | null; last_key: Buffer | null }>(database, "data_store_clear", CLEAR, [
    ...values,
    ...run,
  ]);
  if (row!.reason !== null) throw toRefusal(row!.reason, store, undefined);
  return row!.last_key?.toString();
}

/** Empties it first, in pages: no statement holds locks for long. */
async function remove(database: Database, projectId: string, store: string): Promise<void> {
  for (let after: string | undefined = ""; after !== undefined;) after = await clear(database, projectId, store, after);
  const removed = await database.change("DELETE FROM data_stores WHERE project_id = $1 AND name = $2", [
    projectId,
    store,
  ]);
  if (removed > 0) return;
  throw new PlatformError("NotFound", "DATA_STORE_NOT_FOUND", `There is no data store called "${store}"`);
}
