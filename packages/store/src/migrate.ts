import { readdirSync, readFileSync } from "node:fs";
import { PARTITION_COUNT_DEFAULT, PlatformError } from "@millrace/core";
import pg from "pg";
import { attempt } from "./database-error.ts";
import { ensureDays } from "./housekeeping/day-partitions.ts";
import { typeParsers } from "./type-parsers.ts";

/** What `migrate` is told. */
export interface MigrateOptions {
  /** Partitions of a house that is created now; default 256, fixed from then on. */
  readonly partitionCount?: number;
}

interface Migration {
  readonly number: number;
  /** `pre`: before the new release's processes start, the old ones work on. `post`: after the last old one has gone. */
  readonly kind: "pre" | "post";
  readonly name: string;
  readonly sql: string;
}

const FOLDER = new URL("../migrations/", import.meta.url);
const FILE = /^(\d{4})\.(pre|post)\.([a-z0-9-]+)\.sql$/;
/** Any number, but the same in every release: two processes that migrate wait for each other. */
const LOCK = 0x6d696c6c;

function readMigrations(): Migration[] {
  const files = readdirSync(FOLDER).sort();
  return files.flatMap((file) => {
    const match = FILE.exec(file);
    if (!match) return [];
    const sql = readFileSync(new URL(file, FOLDER), "utf8");
    return [{ number: Number(match[1]), kind: match[2] as Migration["kind"], name: match[3]!, sql }];
  });
}

/** Brings a database to this release's schema. Several processes may do it at the same time; a newer schema is refused. */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<void> {
  await attempt(async () => {
    const client = new pg.Client({ connectionString: url, application_name: "millrace migrate", types: typeParsers });
    client.on("error", () => undefined);
    await client.connect();
    try {
      await client.query("SELECT pg_advisory_lock($1)", [LOCK]);
      await applyMigrations(client);
      await createHouse(client, options.partitionCount ?? PARTITION_COUNT_DEFAULT);
      await ensureDays(client);
    } finally {
      await client.end();
    }
  });
}

async function applyMigrations(client: pg.Client): Promise<void> {
  await client.query(
    `CREATE TABLE IF NOT EXISTS migrations (
       number integer PRIMARY KEY, kind text NOT NULL, name text NOT NULL, apply_time timestamptz NOT NULL DEFAULT now()
     )`,
  );
  const applied = await readApplied(client);
  const known = readMigrations();
  refuseNewer(applied, known);
  for (const migration of known.filter(({ number }) => !applied.has(number))) {
    await client.query("BEGIN");
    await client.query(migration.sql);
    await client.query("INSERT INTO migrations (number, kind, name) VALUES ($1, $2, $3)", [
      migration.number,
      migration.kind,
      migration.name,
    ]);
    await client.query("COMMIT");
  }
}

/** Partitions are rows from the first day, so that a commit only ever locks them. */
async function createHouse(client: pg.Client, partitionCount: number): Promise<void> {
  await client.query("INSERT INTO house (partition_count) VALUES ($1) ON CONFLICT DO NOTHING", [partitionCount]);
  await client.query(
    `INSERT INTO partitions (partition) SELECT generate_series(0, partition_count - 1) FROM house ON CONFLICT DO NOTHING`,
  );
}

async function readApplied(client: pg.ClientBase): Promise<Map<number, string>> {
  const { rows } = await client.query<{ number: number; name: string; kind: string }>(
    "SELECT number, kind, name FROM migrations ORDER BY number",
  );
  return new Map(rows.map(({ number, kind, name }) => [number, `${number} ${kind} ${name}`]));
}

function refuseNewer(applied: ReadonlyMap<number, string>, known: readonly Migration[]): void {
  const numbers = new Set(known.map(({ number }) => number));
  const unknown = [...applied].filter(([number]) => !numbers.has(number)).map(([, title]) => title);
  if (unknown.length === 0) return;
  throw new PlatformError(
    "FailedPrecondition",
    "SCHEMA_TOO_NEW",
    `The database was migrated by a newer release (${unknown.join(", ")}); start that release, or a newer one`,
  );
}

/**
 * Checks that a process fits the database: no migration that this release does not know (`SCHEMA_TOO_NEW`), all `pre`
 * migrations that it knows (`SCHEMA_TOO_OLD`).
 */
export async function checkSchema(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ known: boolean }>("SELECT to_regclass('migrations') IS NOT NULL AS known");
  const applied = rows[0]!.known ? await readApplied(client) : new Map<number, string>();
  const known = readMigrations();
  refuseNewer(applied, known);
  const missing = known.filter(({ number, kind }) => kind === "pre" && !applied.has(number));
  if (missing.length === 0) return;
  throw new PlatformError(
    "FailedPrecondition",
    "SCHEMA_TOO_OLD",
    `The database lacks migrations of this release (${missing.map(({ name }) => name).join(", ")}); run the migration first`,
  );
}
