import { coerceError, type PlatformError } from "@millrace/core";
import pg from "pg";
import { accountPlace, clientPlace } from "../accounts/places.ts";
import type { Database } from "../database.ts";
import { variablePlace } from "../definitions/variables.ts";
import type { DurabilityFinding } from "../ports.ts";
import type { SecretPlace, Vault } from "./vault.ts";

/** What `reseal` did. */
export interface Resealed {
  /** Secrets that are under the first key now, and were not before. */
  readonly count: number;
  /** Secrets that could not be opened, and why the first of them could not. */
  readonly failed: number;
  readonly error: PlatformError | undefined;
}

/** Everything in the record that is encrypted. */
export interface Secrets {
  /** Encrypts what is still plain, and what is under another key than the first, anew. Several processes may do it at once. */
  reseal(): Promise<Resealed>;
  /** What is not under the first key; empty when all is well. */
  check(): Promise<readonly DurabilityFinding[]>;
}

/** A column of sealed texts. */
interface Vessel {
  readonly table: string;
  readonly column: string;
  /** Columns that name the row. */
  readonly key: readonly [string, string];
  readonly place: (...key: [string, string]) => SecretPlace;
  /** The column that held the text in the clear, where there was one. */
  readonly plain?: string;
}

const VESSELS: readonly Vessel[] = [
  { table: "variables", column: "sealed", key: ["project_id", "name"], place: variablePlace, plain: "value" },
  { table: "apps", column: "sealed_client", key: ["project_id", "name"], place: clientPlace },
  { table: "accounts", column: "sealed", key: ["project_id", "id"], place: accountPlace },
];
const BATCH = 100;

/** Secrets on Postgres. */
export function createSecrets(database: Database, vault: Vault): Secrets {
  return {
    reseal: async () => {
      const total = { count: 0, failed: 0, error: undefined as PlatformError | undefined };
      for (const vessel of VESSELS) {
        const { count, failed, error } = await resealVessel(database, vault, vessel);
        total.count += count;
        total.failed += failed;
        total.error ??= error;
      }
      return total;
    },
    check: async () => (await Promise.all(VESSELS.map((vessel) => countOthers(database, vault, vessel)))).flat(),
  };
}

/** Secrets that no key here opens are lost until it is given; those under a later key hold up that key's removal. */
async function countOthers(database: Database, vault: Vault, vessel: Vessel): Promise<DurabilityFinding[]> {
  const [table, column] = [pg.escapeIdentifier(vessel.table), pg.escapeIdentifier(vessel.column)];
  const [row] = await database.query<{ locked: number; old: number }>(
    `SELECT count(*) FILTER (WHERE NOT prefix = ANY ($1)) AS locked,
            count(*) FILTER (WHERE prefix = ANY ($1) AND prefix <> $2) AS old
     FROM (SELECT substr(${column}, 1, ${PREFIX_LENGTH}) AS prefix FROM ${table} WHERE ${column} IS NOT NULL) AS sealed`,
    [vault.knownPrefixes, vault.currentPrefix],
  );
  const { locked, old } = row!;
  const where = `the database's ${vessel.table}`;
  return [
    ...(locked > 0
      ? [finding("SECRETS_LOCKED", `${locked} secrets in ${where} are under no master key of this gateway`)]
      : []),
    ...(old > 0
      ? [finding("SECRETS_UNDER_OLD_KEY", `${old} secrets in ${where} are not under the first master key yet`)]
      : []),
  ];
}

function finding(reason: string, message: string): DurabilityFinding {
  return { reason, fatal: false, message };
}

async function resealVessel(database: Database, vault: Vault, vessel: Vessel): Promise<Resealed> {
  const total = { count: 0, failed: 0, error: undefined as PlatformError | undefined };
  let after: readonly [string, string] | undefined;
  for (;;) {
    const rows = await resealBatch(database, vault, vessel, after);
    for (const { error } of rows) {
      if (error === undefined) total.count++;
      else {
        total.failed++;
        total.error ??= error;
      }
    }
    if (rows.length < BATCH) return total;
    after = rows.at(-1)!.key;
  }
}

interface DoneRow {
  readonly key: readonly [string, string];
  readonly error: PlatformError | undefined;
}

/** One transaction; rows that another process has in hand are left to it. */
function resealBatch(
  database: Database,
  vault: Vault,
  vessel: Vessel,
  after: readonly [string, string] | undefined,
): Promise<DoneRow[]> {
  return database.withClient(async (client) => {
    await client.query("BEGIN");
    const { rows } = await client.query<SealedRow>(selectText(vessel), [
      vault.currentPrefix,
      ...(after ?? [null, null]),
    ]);
    const done: DoneRow[] = [];
    for (const row of rows) done.push(await resealRow(client, vault, vessel, row));
    await client.query("COMMIT");
    return done;
  });
}

interface SealedRow {
  readonly first: string;
  readonly second: string;
  readonly sealed: Buffer | null;
  readonly plain: string | null;
}

function selectText({ table, column, key: [first, second], plain }: Vessel): string {
  const names = [first, second, column].map((name) => pg.escapeIdentifier(name));
  const [a, b, sealed] = names;
  const isPlain = plain === undefined ? "" : `${pg.escapeIdentifier(plain)} IS NOT NULL OR`;
  return `SELECT ${a}::text AS first, ${b}::text AS second, ${sealed} AS sealed,
                 ${plain === undefined ? "NULL" : pg.escapeIdentifier(plain)} AS plain
          FROM ${pg.escapeIdentifier(table)}
          WHERE (${isPlain} substr(${sealed}, 1, ${PREFIX_LENGTH}) <> $1)
            AND ($2::text IS NULL OR (${a}::text, ${b}::text) > ($2, $3))
          ORDER BY ${a}::text, ${b}::text LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`;
}

/** Version and key id. */
const PREFIX_LENGTH = 9;

async function resealRow(client: pg.PoolClient, vault: Vault, vessel: Vessel, row: SealedRow): Promise<DoneRow> {
  const { table, column, key, place, plain } = vessel;
  const own = place(row.first, row.second);
  let text: string;
  try {
    text = row.sealed === null ? (row.plain ?? "") : vault.open(own, row.sealed);
  } catch (thrown) {
    return { key: [row.first, row.second], error: coerceError(thrown) };
  }
  const emptied = plain === undefined ? "" : `, ${pg.escapeIdentifier(plain)} = NULL`;
  const [first, second] = key.map((name) => pg.escapeIdentifier(name));
  await client.query(
    `UPDATE ${pg.escapeIdentifier(table)} SET ${pg.escapeIdentifier(column)} = $1${emptied}
     WHERE ${first}::text = $2 AND ${second}::text = $3`,
    [vault.seal(own, text), row.first, row.second],
  );
  return { key: [row.first, row.second], error: undefined };
}
