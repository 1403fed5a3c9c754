import { PlatformError, RELEASE, compareReleases } from "@millrace/core";
import type pg from "pg";
import { readMigrations, type Migration } from "./migration-files.ts";

/** A migration that a database has had. */
export interface AppliedMigration {
  readonly number: number;
  readonly kind: Migration["kind"];
  readonly name: string;
  /** The oldest release that works on a database with it; unknown for those of releases that did not say. */
  readonly oldest_beside: string | null;
}

/** What a database has had, by number; nothing for one that was never migrated. */
export async function readApplied(client: pg.ClientBase): Promise<Map<number, AppliedMigration>> {
  const { rows } = await client.query<{ known: boolean }>("SELECT to_regclass('migrations') IS NOT NULL AS known");
  if (!rows[0]!.known) return new Map();
  // As JSON: a database that an older release made lacks the columns that came later.
  const applied = await client.query<{ row: AppliedMigration }>(
    "SELECT to_jsonb(migrations) AS row FROM migrations ORDER BY number",
  );
  return new Map(applied.rows.map(({ row }) => [row.number, row]));
}

/**
 * Checks that a process fits the database: all `pre` migrations that it knows (`SCHEMA_TOO_OLD`), and none of a newer release
 * but those beside which it may work, as during a rolling upgrade and after one that is taken back (`SCHEMA_TOO_NEW`).
 */
export async function checkSchema(client: pg.ClientBase): Promise<void> {
  const applied = await readApplied(client);
  const known = readMigrations();
  refuseNewer(applied, known);
  const missing = known.filter(({ number, kind }) => kind === "pre" && !applied.has(number));
  if (missing.length === 0) return;
  throw new PlatformError(
    "FailedPrecondition",
    "SCHEMA_TOO_OLD",
    `The database lacks migrations of release ${RELEASE} (${missing.map(({ name }) => name).join(", ")}); run "millrace migrate --phase pre" of that release first`,
  );
}

/** Refuses a database that a newer release has changed in a way that this one cannot work with. */
export function refuseNewer(applied: ReadonlyMap<number, AppliedMigration>, known: readonly Migration[]): void {
  const numbers = new Set(known.map(({ number }) => number));
  const tooNew = [...applied.values()].filter((one) => !numbers.has(one.number) && !worksWith(one));
  if (tooNew.length === 0) return;
  const titles = tooNew.map(({ number, kind, name }) => `${number} ${kind} ${name}`);
  throw new PlatformError(
    "FailedPrecondition",
    "SCHEMA_TOO_NEW",
    `The database was migrated by a newer release (${titles.join(", ")}), and release ${RELEASE} cannot work with that; start that release, or a newer one`,
  );
}

function worksWith({ kind, oldest_beside: oldest }: AppliedMigration): boolean {
  return kind === "pre" && oldest != null && compareReleases(RELEASE, oldest) >= 0;
}
