import { RELEASE } from "@millrace/core";
import { to as copyTo } from "pg-copy-streams";
import pg from "pg";
import { PrimaryClient } from "../connection/primary-client.ts";
import { Primary } from "../connection/primary.ts";
import { attempt, toPlatformError } from "../database-error.ts";
import { DAY_TABLES, listDays } from "../housekeeping/day-partitions.ts";
import { RUN_TABLES } from "../housekeeping/trim-runs.ts";
import { readApplied } from "../schema-check.ts";
import { typeParsers } from "../type-parsers.ts";
import { BackupWriter, SESSION, type BackupTable, type RowCounts } from "./backup-format.ts";

/** What is left out, and what is told meanwhile. */
export interface BackupOptions {
  /** Leaves out ended runs with their steps, logs and large payloads. */
  readonly withoutHistory?: boolean;
  /** Put into the backup as it is; whoever has such a backup can read every secret in it. */
  readonly masterKey?: string;
  /** Told after each part. */
  readonly onProgress?: (rows: RowCounts, bytes: number) => void;
}

/** Bytes of rows that are compressed at a time; a row that is larger makes a part of its own. */
const PART_BYTES = 4 * 1024 * 1024;

/**
 * Facts of this database and its processes alone: which migrations it has had (the manifest says that), which server is the
 * primary, how far schedulers that will not come back have counted, and who was signed in.
 */
const LEFT_OUT = new Set(["migrations", "primary_server", "committers", "sessions"]);
const HISTORY = new Set<string>([...DAY_TABLES, ...RUN_TABLES]);

/** What of the objects is kept when history is not: what files and unfinished runs retain. */
const RETAINED = `(r.kind NOT IN ('run', 'tmp') OR EXISTS (SELECT FROM runs WHERE runs.id = r.owner_id::uuid))`;
const WITHOUT_HISTORY: Readonly<Record<string, string>> = {
  object_retainers: `FROM object_retainers r WHERE ${RETAINED}`,
  objects: `FROM objects r0 WHERE EXISTS (SELECT FROM object_retainers r WHERE r.object_id = r0.id AND ${RETAINED})`,
  object_chunks: `FROM object_chunks r0 WHERE EXISTS (SELECT FROM object_retainers r WHERE r.object_id = r0.object_id AND ${RETAINED})`,
};

/**
 * Writes everything that a house keeps, as of one moment, while the house goes on: one transaction that only reads. Memory is
 * bounded by a part and the largest row.
 */
export async function* backUp(url: string, options: BackupOptions = {}): AsyncGenerator<Buffer, RowCounts> {
  const config = { application_name: "millrace backup", types: typeParsers };
  const client = await attempt(() => new PrimaryClient(new Primary(url), config).connect());
  try {
    return yield* writeAll(client, options);
  } catch (thrown) {
    throw toPlatformError(thrown);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function* writeAll(client: PrimaryClient, options: BackupOptions): AsyncGenerator<Buffer, RowCounts> {
  const { withoutHistory = false, masterKey, onProgress } = options;
  await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ${SESSION}`);
  const tables = (await readTables(client)).filter(({ name }) => !(withoutHistory && HISTORY.has(name)));
  await client.query(
    `LOCK TABLE ${tables.map(({ name }) => pg.escapeIdentifier(name)).join(", ")} IN ACCESS SHARE MODE`,
  );
  const applied = [...(await readApplied(client)).values()];
  const writer = new BackupWriter();
  let bytes = 0;
  const counted = (chunk: Buffer): Buffer => {
    bytes += chunk.length;
    onProgress?.(writer.rows, bytes);
    return chunk;
  };
  yield counted(
    writer.begin({
      release: RELEASE,
      createTime: new Date().toISOString(),
      migrations: applied.map(({ number, kind, name }) => ({ number, kind, name })),
      days: withoutHistory ? [] : await listDays(client, DAY_TABLES[0]),
      withoutHistory,
      tables,
      ...(masterKey !== undefined && { masterKey }),
    }),
  );
  for (const table of tables) {
    for await (const rows of readRows(client, table, withoutHistory))
      yield counted(await writer.part(table.name, rows));
  }
  await client.query("COMMIT");
  yield counted(writer.end());
  return writer.rows;
}

/** Every table of the house, also those of which this code has never heard. */
async function readTables(client: pg.ClientBase): Promise<BackupTable[]> {
  const { rows } = await client.query<{ name: string; columns: string[] }>(
    `SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND c.relname !~ '_[0-9]{4}_[0-9]{2}_[0-9]{2}$'
     GROUP BY c.relname ORDER BY c.relname`,
  );
  return rows.filter(({ name }) => !LEFT_OUT.has(name));
}

/** The rows of a table in pieces that end with a row. */
async function* readRows(client: pg.ClientBase, table: BackupTable, withoutHistory: boolean): AsyncGenerator<Buffer> {
  const source = (withoutHistory && WITHOUT_HISTORY[table.name]) || `FROM ${pg.escapeIdentifier(table.name)}`;
  const columns = table.columns.map((name) => pg.escapeIdentifier(name)).join(", ");
  let waiting: Buffer[] = [];
  let length = 0;
  for await (const chunk of client.query(copyTo(`COPY (SELECT ${columns} ${source}) TO STDOUT`))) {
    const bytes = chunk as Buffer;
    const end = bytes.lastIndexOf(10) + 1;
    if (length + end >= PART_BYTES && end > 0) {
      yield Buffer.concat([...waiting, bytes.subarray(0, end)]);
      waiting = [bytes.subarray(end)];
      length = bytes.length - end;
    } else {
      waiting.push(bytes);
      length += bytes.length;
    }
  }
  if (length > 0) yield Buffer.concat(waiting);
}
