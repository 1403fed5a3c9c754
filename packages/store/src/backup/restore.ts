import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { PlatformError } from "@millrace/core";
import pg from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { PrimaryClient } from "../connection/primary-client.ts";
import { Primary } from "../connection/primary.ts";
import { attempt } from "../database-error.ts";
import { createDay, DAY_TABLES } from "../housekeeping/day-partitions.ts";
import { applyMigration, createMigrationsTable, lockMigrations, migrate } from "../migrate.ts";
import { readMigrations, type Migration } from "../migration-files.ts";
import { typeParsers } from "../type-parsers.ts";
import { damaged } from "./archive.ts";
import { openBackup, SESSION, tooNew, type BackupManifest, type BackupPart, type RowCounts } from "./backup-format.ts";

/** How a backup becomes a house again. */
export interface RestoreOptions {
  /** Disables all workflows, so that no trigger starts anything. */
  readonly paused?: boolean;
  /** Leaves out runs that had not ended, which would go on otherwise. */
  readonly withoutUnfinished?: boolean;
  /** Told after each part. */
  readonly onProgress?: (rows: RowCounts) => void;
}

/** What was restored. */
export interface Restored {
  readonly manifest: BackupManifest;
  readonly rows: RowCounts;
}

/** Runs that had not ended, what they have told others, and the keys that may name them. */
const UNFINISHED = new Set(["runs", "run_steps", "outbox", "idempotency_keys"]);

/**
 * The house that the backup is of may have gone on: its owners' epochs have to be lower than any of the restored one, or
 * runners that knew them would not listen. More takeovers than that do not happen between a backup and its use.
 */
const EPOCHS_AHEAD = 10_000;

/**
 * Fills an empty database with a backup, all of it or nothing, and brings it to this release's schema. Throws
 * `DATABASE_NOT_EMPTY`, `BACKUP_DAMAGED`, `BACKUP_TOO_NEW`.
 */
export async function restore(
  url: string,
  source: AsyncIterable<Uint8Array>,
  options: RestoreOptions = {},
): Promise<Restored> {
  const { manifest, parts } = await openBackup(source);
  const migrations = migrationsOf(manifest);
  const config = { application_name: "millrace restore", types: typeParsers };
  const rows = await attempt(async () => {
    const client = await new PrimaryClient(new Primary(url), config).connect();
    try {
      await client.query(`BEGIN; ${SESSION}`);
      await lockMigrations(client);
      await refuseFull(client);
      await makeSchema(client, manifest, migrations);
      const loaded = await loadAll(client, manifest, parts, options);
      await settle(client, options);
      await client.query("COMMIT");
      return loaded;
    } finally {
      await client.end().catch(() => undefined);
    }
  });
  await migrate(url);
  return { manifest, rows };
}

/** Reads a backup to its end and says what is in it. Throws `BACKUP_DAMAGED`, `BACKUP_TOO_NEW`. */
export async function checkBackup(source: AsyncIterable<Uint8Array>): Promise<Restored> {
  const { manifest, parts } = await openBackup(source);
  migrationsOf(manifest);
  const rows: Record<string, number> = {};
  for await (const { table, rowCount } of parts) rows[table] = (rows[table] ?? 0) + rowCount;
  return { manifest, rows };
}

/** The migrations that the backed-up database had had, no more and no less. */
function migrationsOf(manifest: BackupManifest): Migration[] {
  const known = new Map(readMigrations().map((migration) => [migration.number, migration]));
  return manifest.migrations.map(({ number }) => {
    const migration = known.get(number);
    if (migration === undefined) throw tooNew(manifest);
    return migration;
  });
}

async function refuseFull(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class
     WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') ORDER BY relname LIMIT 1`,
  );
  if (rows.length === 0) return;
  throw new PlatformError(
    "FailedPrecondition",
    "DATABASE_NOT_EMPTY",
    `The database has tables already ("${rows[0]!.name}"); restore into a new, empty one`,
  );
}

/** As the backed-up database was made; what its migrations put into tables comes from the backup instead. */
async function makeSchema(
  client: pg.ClientBase,
  manifest: BackupManifest,
  migrations: readonly Migration[],
): Promise<void> {
  await createMigrationsTable(client);
  for (const migration of migrations) await applyMigration(client, migration);
  for (const day of manifest.days) for (const table of DAY_TABLES) await createDay(client, table, day);
  for (const { name } of manifest.tables) await client.query(`DELETE FROM ${pg.escapeIdentifier(name)}`);
}

/** References between tables are checked when all of it is there, in whichever order it came. */
async function loadAll(
  client: pg.ClientBase,
  manifest: BackupManifest,
  parts: AsyncIterable<BackupPart>,
  { withoutUnfinished = false, onProgress }: RestoreOptions,
): Promise<RowCounts> {
  const references = await dropReferences(client);
  const columns = new Map(manifest.tables.map((table) => [table.name, table.columns]));
  const rows: Record<string, number> = {};
  for await (const part of parts) {
    const names = columns.get(part.table);
    if (names === undefined) throw damaged(`its table ${part.table} is not announced`);
    if (withoutUnfinished && UNFINISHED.has(part.table)) continue;
    await loadPart(client, part, names);
    rows[part.table] = (rows[part.table] ?? 0) + part.rowCount;
    onProgress?.(rows);
  }
  for (const statement of references) await client.query(statement);
  return rows;
}

async function loadPart(client: pg.ClientBase, part: BackupPart, names: readonly string[]): Promise<void> {
  const columns = names.map((name) => pg.escapeIdentifier(name)).join(", ");
  const target = client.query(copyFrom(`COPY ${pg.escapeIdentifier(part.table)} (${columns}) FROM STDIN`));
  await pipeline(Readable.from([part.rows]), target);
}

/** Returns the statements that make them anew. */
async function dropReferences(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ table: string; name: string; definition: string }>(
    `SELECT conrelid::regclass::text AS table, quote_ident(conname) AS name, pg_get_constraintdef(oid) AS definition
     FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND connamespace = current_schema()::regnamespace`,
  );
  for (const { table, name } of rows) await client.query(`ALTER TABLE ${table} DROP CONSTRAINT ${name}`);
  return rows.map(({ table, name, definition }) => `ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition}`);
}

async function settle(client: pg.ClientBase, { paused = false }: RestoreOptions): Promise<void> {
  await client.query("UPDATE partitions SET epoch = epoch + $1", [EPOCHS_AHEAD]);
  if (paused) await client.query("UPDATE workflows SET enabled = false WHERE delete_time IS NULL");
}
