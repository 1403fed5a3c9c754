import { OLDEST_BESIDE, PARTITION_COUNT_DEFAULT, PlatformError, RELEASE, compareReleases } from "@millrace/core";
import { setTimeout } from "node:timers/promises";
import type pg from "pg";
import { PrimaryClient } from "./connection/primary-client.ts";
import { Primary } from "./connection/primary.ts";
import { attempt } from "./database-error.ts";
import { ensureDays } from "./housekeeping/day-partitions.ts";
import { readMigrations, type Migration } from "./migration-files.ts";
import { readApplied, refuseNewer } from "./schema-check.ts";
import { readSessions, type HouseSession } from "./sessions.ts";
import { typeParsers } from "./type-parsers.ts";

/** Which migrations: those before the new release's processes start, those after the last old one has gone, or both. */
export type MigrationPhase = "pre" | "post" | "all";

/** What `migrate` is told. */
export interface MigrateOptions {
  /** Partitions of a house that is created now; default 256, fixed from then on. */
  readonly partitionCount?: number;
  /** Default `all`: for a house none of whose processes are at work. */
  readonly phase?: MigrationPhase;
  /** How long `post` waits for processes of older releases to leave; default 30,000 ms. */
  readonly waitMs?: number;
  /** How long no older process may have been seen before `post` begins; default 15,000 ms. */
  readonly quietMs?: number;
  /** Told what is waited for. */
  readonly onWait?: (sessions: readonly HouseSession[]) => void;
  /** Folder of the migrations; default: those of this release. */
  readonly folder?: URL;
}

/** What `migrate` did. */
export interface MigrateOutcome {
  readonly applied: readonly string[];
  /** What is left for the phase `post`. */
  readonly pending: readonly string[];
}

/** Any number, but the same in every release: two processes that migrate wait for each other. */
const LOCK = 0x6d696c6c;
const WAIT_DEFAULT_MS = 30_000;
/** Longer than a gateway lets pass between two looks at its definitions, and than a connection takes to come back. */
const QUIET_DEFAULT_MS = 15_000;
const LOOK_MS = 1_000;

/** Brings a database to this release's schema. Several processes may do it at the same time; a newer schema is refused. */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<MigrateOutcome> {
  return attempt(async () => {
    const config = { application_name: "millrace migrate", types: typeParsers };
    const client = await new PrimaryClient(new Primary(url), config).connect();
    try {
      await client.query("SELECT pg_advisory_lock($1)", [LOCK]);
      return await runPhases(client, options);
    } finally {
      await client.end();
    }
  });
}

async function runPhases(client: pg.Client, options: MigrateOptions): Promise<MigrateOutcome> {
  await createMigrationsTable(client);
  const known = readMigrations(options.folder);
  const applied = await readApplied(client);
  refuseNewer(applied, known);
  const missing = known.filter(({ number }) => !applied.has(number));
  // Nobody is at work on a database that is made now.
  const phase = applied.size === 0 ? "all" : (options.phase ?? "all");
  const done = missing.filter(({ kind }) => phase === "all" || kind === phase);
  const left = missing.filter((one) => !done.includes(one));
  if (done.length > 0) await prepare(client, phase, { done, left }, options);
  await applyAll(client, done);
  if (phase !== "post") {
    await createHouse(client, options.partitionCount ?? PARTITION_COUNT_DEFAULT);
    await ensureDays(client);
  }
  return { applied: titles(done), pending: titles(left) };
}

/** Sees to it that nobody at work needs what the migrations take away. */
async function prepare(
  client: pg.Client,
  phase: MigrationPhase,
  { done, left }: { done: readonly Migration[]; left: readonly Migration[] },
  options: MigrateOptions,
): Promise<void> {
  if (phase === "post") {
    refuseUnbegun(left);
    await waitForOlder(client, options);
  } else {
    refuseUnfinished(left.filter(({ number }) => number < done.at(-1)!.number));
    await refuseTooOldBeside(client);
  }
}

function titles(migrations: readonly Migration[]): string[] {
  return migrations.map(({ number, kind, name }) => `${String(number).padStart(4, "0")} ${kind} ${name}`);
}

/** Keeps other migrations away until the end of the transaction. */
export async function lockMigrations(client: pg.ClientBase): Promise<void> {
  await client.query("SELECT pg_advisory_xact_lock($1)", [LOCK]);
}

/** Makes the table that says what a database has had. */
export async function createMigrationsTable(client: pg.ClientBase): Promise<void> {
  await client.query(
    `CREATE TABLE IF NOT EXISTS migrations (
       number integer PRIMARY KEY, kind text NOT NULL, name text NOT NULL, apply_time timestamptz NOT NULL DEFAULT now()
     )`,
  );
  await client.query(
    `ALTER TABLE migrations ADD COLUMN IF NOT EXISTS release text, ADD COLUMN IF NOT EXISTS oldest_beside text`,
  );
}

function refuseUnbegun(left: readonly Migration[]): void {
  if (left.length === 0) return;
  throw new PlatformError(
    "FailedPrecondition",
    "SCHEMA_TOO_OLD",
    `The database lacks migrations that come before (${titles(left).join(", ")}); run "millrace migrate --phase pre" and roll the processes first`,
  );
}

/** What a former upgrade left for its end has to be done before the next one begins. */
function refuseUnfinished(left: readonly Migration[]): void {
  if (left.length === 0) return;
  throw new PlatformError(
    "FailedPrecondition",
    "UPGRADE_NOT_FINISHED",
    `The upgrade before this one was not finished (${titles(left).join(", ")}); run "millrace migrate --phase post" of the release that brought them first`,
  );
}

/** A migration changes what releases beside which this one cannot work rely on: they have to stop first. */
async function refuseTooOldBeside(client: pg.Client): Promise<void> {
  const tooOld = (await readSessions(client)).filter(({ release }) => compareReleases(release, OLDEST_BESIDE) < 0);
  if (tooOld.length === 0) return;
  throw new PlatformError(
    "FailedPrecondition",
    "UPGRADE_NEEDS_STOP",
    `Release ${RELEASE} works beside ${OLDEST_BESIDE} and later, and older processes are at work (${describe(tooOld)}); stop all gateways, schedulers and runners, then migrate`,
  );
}

/** Waits until no process of an older release has been seen for a while. */
async function waitForOlder(client: pg.Client, options: MigrateOptions): Promise<void> {
  const { waitMs = WAIT_DEFAULT_MS, quietMs = QUIET_DEFAULT_MS } = options;
  const begun = performance.now();
  let quietSince: number | undefined;
  for (;;) {
    const older = (await readSessions(client)).filter(({ release }) => compareReleases(release, RELEASE) < 0);
    const now = performance.now();
    quietSince = older.length > 0 ? undefined : (quietSince ?? now);
    if (quietSince !== undefined && now - quietSince >= quietMs) return;
    if (older.length > 0) {
      options.onWait?.(older);
      if (now - begun >= waitMs) throw stillAtWork(older);
    }
    await setTimeout(LOOK_MS);
  }
}

function stillAtWork(older: readonly HouseSession[]): PlatformError {
  return new PlatformError(
    "FailedPrecondition",
    "OLD_PROCESSES_AT_WORK",
    `Processes of an older release are at work (${describe(older)}); roll them to ${RELEASE}, then run this again`,
  );
}

function describe(sessions: readonly HouseSession[]): string {
  return sessions.map(({ release, process }) => `${process} of ${release}`).join(", ");
}

async function applyAll(client: pg.Client, migrations: readonly Migration[]): Promise<void> {
  for (const migration of migrations) {
    await client.query("BEGIN");
    await applyMigration(client, migration);
    await client.query("COMMIT");
  }
}

/** Applies one and writes it down, in the transaction of its caller. */
export async function applyMigration(client: pg.ClientBase, migration: Migration): Promise<void> {
  const { number, kind, name } = migration;
  await client.query(migration.sql);
  await client.query(
    "INSERT INTO migrations (number, kind, name, release, oldest_beside) VALUES ($1, $2, $3, $4, $5)",
    [number, kind, name, RELEASE, OLDEST_BESIDE],
  );
}

/** Partitions are rows from the first day, so that a commit only ever locks them. */
async function createHouse(client: pg.Client, partitionCount: number): Promise<void> {
  await client.query("INSERT INTO house (partition_count) VALUES ($1) ON CONFLICT DO NOTHING", [partitionCount]);
  await client.query(
    `INSERT INTO partitions (partition) SELECT generate_series(0, partition_count - 1) FROM house ON CONFLICT DO NOTHING`,
  );
}
