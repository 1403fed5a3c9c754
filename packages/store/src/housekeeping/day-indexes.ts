/** Indexes that a release has added, for the days that were there before: built beside those who read and write. */
import type pg from "pg";
import { DAY_TABLES } from "./day-partitions.ts";

/** An index that a day lacks. */
interface MissingIndex {
  /** Of the whole table. */
  readonly parent: string;
  /** The day's table. */
  readonly day: string;
  /** `CREATE INDEX … ON ONLY …` of the whole table's. */
  readonly definition: string;
}

/** Building one takes as long as it takes; it holds up nobody. */
const BUILD_MS = 3_600_000;

/** Builds what is missing, until it is told to end; returns how many. */
export async function buildDayIndexes(client: pg.ClientBase, isOver: () => boolean): Promise<number> {
  let built = 0;
  for (const table of DAY_TABLES) {
    for (const missing of await findMissing(client, table)) {
      if (isOver()) return built;
      await build(client, table, missing);
      built++;
    }
  }
  return built;
}

async function findMissing(client: pg.ClientBase, table: string): Promise<MissingIndex[]> {
  const { rows } = await client.query<MissingIndex>(
    `SELECT p.relname AS parent, d.relname AS day, pg_get_indexdef(i.indexrelid) AS definition
     FROM pg_index i JOIN pg_class p ON p.oid = i.indexrelid
     JOIN pg_inherits t ON t.inhparent = i.indrelid JOIN pg_class d ON d.oid = t.inhrelid
     WHERE i.indrelid = to_regclass($1) AND NOT i.indisunique AND NOT EXISTS (
       SELECT FROM pg_inherits a JOIN pg_index c ON c.indexrelid = a.inhrelid
       WHERE a.inhparent = i.indexrelid AND c.indrelid = d.oid)
     ORDER BY d.relname DESC, p.relname`,
    [table],
  );
  return rows;
}

/** What a process has left half-built is not used by anybody, and in the way. */
async function build(client: pg.ClientBase, table: string, { parent, day, definition }: MissingIndex): Promise<void> {
  const name = `${day}${parent.slice(table.length)}`;
  const what = definition.slice(definition.indexOf(" USING "));
  await client.query("SET statement_timeout = 0");
  try {
    await client.query(`DROP INDEX IF EXISTS ${name}`);
    const text = `CREATE INDEX CONCURRENTLY ${name} ON ${day}${what}`;
    await client.query({ text, query_timeout: BUILD_MS } as pg.QueryConfig);
    await client.query(`ALTER INDEX ${parent} ATTACH PARTITION ${name}`);
  } finally {
    await client.query("RESET statement_timeout");
  }
}
