/**
 * Looking for runs, newest first, with a bounded amount of work: what an index finds is read as far as the page asks for, and
 * what only the rows tell is looked for in pieces until the time is over. Then the search says how far it has come.
 */
import { createRunId, runIdDay } from "@millrace/core";
import { sql, type Expression, type Kysely, type RawBuilder, type SqlBool } from "kysely";
import type { Tables } from "../tables.ts";
import type { RunRow } from "./run-rows.ts";

/** A row of a run in a list; the names of its workflow and version are looked up at the end. */
export type ListedRow = Omit<RunRow, "workflow_name" | "version_number">;

/** What a search has found. */
export interface Found {
  readonly rows: readonly ListedRow[];
  /** All runs down to this one were looked at; undefined when that is all there are. */
  readonly frontier: string | undefined;
}

/** Ids are ordered by time: those from `from` on and below `before`; undefined leaves an end open. */
export interface IdRange {
  readonly from: string | undefined;
  readonly before: string | undefined;
}

/** One search. */
export interface Search {
  readonly range: IdRange;
  /** What an index finds. */
  readonly indexed: Expression<SqlBool>;
  /** What only the rows tell; undefined when the index tells it all. */
  readonly residual: Expression<SqlBool> | undefined;
  readonly wanted: number;
  /** By `performance.now`; the first piece is looked at in any case. */
  readonly untilMs: number;
}

const SHARED = `id, partition, priority, project_id, workflow_id, version_id, state, assignment, create_time, start_time, trigger_kind, trace_id,
   trace_parent, event_falls_back_to_body`;
/** Columns of a row in a list, of an ended run. */
export const HISTORY_COLUMNS = sql.raw(`${SHARED}, NULL::timestamptz AS wake_time, end_time, exit_reason`);
/** Columns of a row in a list, of an unfinished run. */
export const UNFINISHED_COLUMNS = sql.raw(`${SHARED}, wake_time, NULL::timestamptz AS end_time, '' AS exit_reason`);
const DAY_MS = 86_400_000;
/** Rows of the first piece, cold ones too: then as many as fit the time that is left. */
const PIECE_MIN = 500;
const PIECE_MAX = 20_000;
/** Most unfinished runs of a workflow that are sorted; of more, the newest of all workflows are looked through. */
const SORTED_MAX = 10_000;
/** Days in which an index finds little cost little each: they are gone through also on a machine that is busy. */
const INDEXED_MORE_MS = 500;
const NO_RANDOM = new Uint8Array(10);
/** Each unfinished run is in one of these, and each has an index by partition and workflow. */
const INDEXED_PARTS = [
  sql.raw("wake_time IS NULL AND NOT parked"),
  sql.raw("parked"),
  sql.raw("wake_time IS NOT NULL"),
] as const;

/** The smallest id of a time. */
export function firstIdOf(timeMs: number): string {
  return createRunId(Math.max(0, timeMs), NO_RANDOM);
}

/** All of several conditions. */
export function allOf(conditions: readonly Expression<SqlBool>[]): Expression<SqlBool> {
  return conditions.length === 0 ? sql<SqlBool>`true` : sql<SqlBool>`${sql.join(conditions, sql` AND `)}`;
}

/**
 * Ended runs, by an index that has the id last. With all days in one statement an index scan would be opened in each of them,
 * and planned; so the newest day comes first by itself, and then twice as many each time.
 */
export async function searchHistory(kysely: Kysely<Tables>, search: Search, nowMs: number): Promise<Found> {
  const oldest = search.range.from === undefined ? undefined : runIdDay(search.range.from);
  let newest = search.range.before === undefined ? undefined : runIdDay(search.range.before);
  const rows: ListedRow[] = [];
  const untilMs = search.untilMs + (search.residual ? 0 : INDEXED_MORE_MS);
  let first: string | undefined;
  for (let days = 1; ; days *= 2) {
    const top = newest ?? dayOf(nowMs);
    const bottom = shiftDay(top, 1 - days);
    if (days > 1) first ??= (await oldestDay(kysely)) ?? top;
    // Behind the oldest day there is only what has no day of its own.
    const last = (first !== undefined && bottom <= first) || (oldest !== undefined && bottom <= oldest);
    const span = [
      ...(newest === undefined ? [] : [sql<SqlBool>`day <= ${newest}`]),
      ...(last ? (oldest === undefined ? [] : [sql<SqlBool>`day >= ${oldest}`]) : [sql<SqlBool>`day >= ${bottom}`]),
    ];
    const found = await searchPieces(
      kysely,
      { ...search, wanted: search.wanted - rows.length, indexed: allOf([...span, search.indexed]) },
      { columns: HISTORY_COLUMNS, table: sql`history_runs` },
    );
    rows.push(...found.rows);
    if (rows.length >= search.wanted || found.frontier !== undefined) return { rows, frontier: found.frontier };
    if (last) return { rows, frontier: undefined };
    newest = shiftDay(bottom, -1);
    if (performance.now() > untilMs) return { rows, frontier: firstIdOf(Date.parse(bottom)) };
  }
}

/** Unfinished runs of one workflow, or of all. */
export async function searchUnfinished(
  kysely: Kysely<Tables>,
  search: Search,
  ofWorkflow: Expression<SqlBool> | undefined,
): Promise<Found> {
  const found = ofWorkflow && (await searchWorkflow(kysely, search, ofWorkflow));
  return found ?? (await searchPieces(kysely, search, { columns: UNFINISHED_COLUMNS, table: sql`runs` }));
}

/** Undefined when the workflow has too many to sort them. Paused runs, parked ones and the others have an index each. */
async function searchWorkflow(
  kysely: Kysely<Tables>,
  search: Search,
  ofWorkflow: Expression<SqlBool>,
): Promise<Found | undefined> {
  const part = (columns: RawBuilder<unknown>, which: RawBuilder<unknown>) =>
    sql`(SELECT ${columns} FROM runs WHERE ${ofWorkflow} AND ${which} LIMIT ${SORTED_MAX + 1})`;
  const all = (columns: RawBuilder<unknown>) => {
    const parts = INDEXED_PARTS.map((which) => part(columns, which));
    return sql`(${sql.join(parts, sql` UNION ALL `)}) r`;
  };
  const counted = await sql<{ count: number }>`SELECT count(*) AS count FROM ${all(sql`1`)}`.execute(kysely);
  if (counted.rows[0]!.count > SORTED_MAX) return undefined;
  const condition = allOf([...rangeOf(search.range), search.indexed, ...(search.residual ? [search.residual] : [])]);
  const { rows } = await sql<ListedRow>`
    SELECT * FROM ${all(UNFINISHED_COLUMNS)} WHERE ${condition} ORDER BY id DESC LIMIT ${search.wanted}`.execute(
    kysely,
  );
  return { rows, frontier: rows.length < search.wanted ? undefined : rows.at(-1)?.id };
}

interface Source {
  readonly columns: RawBuilder<unknown>;
  readonly table: RawBuilder<unknown>;
}

/** One piece after the other, each as large as the time that is left allows at the pace of the one before. */
async function searchPieces(kysely: Kysely<Tables>, search: Search, source: Source): Promise<Found> {
  const rows: ListedRow[] = [];
  let { before } = search.range;
  for (let size = PIECE_MIN; ;) {
    const startMs = performance.now();
    const wanted = search.wanted - rows.length;
    const range = { ...search.range, before };
    const piece = await searchPiece(kysely, { ...search, wanted, range }, source, size);
    rows.push(...piece.rows);
    if (piece.frontier === undefined || rows.length >= search.wanted) return { rows, frontier: piece.frontier };
    before = piece.frontier;
    const nowMs = performance.now();
    if (nowMs > search.untilMs) return { rows, frontier: before };
    const pace = size / Math.max(0.1, nowMs - startMs);
    size = Math.round(Math.min(PIECE_MAX, Math.max(PIECE_MIN, pace * (search.untilMs - nowMs))));
  }
}

/** The last row of a piece comes back in any case: it tells where the next one begins. */
async function searchPiece(kysely: Kysely<Tables>, search: Search, source: Source, size: number): Promise<Found> {
  const { indexed, residual, range, wanted } = search;
  const where = allOf([indexed, ...rangeOf(range)]);
  if (!residual) {
    const { rows } = await sql<ListedRow>`
      SELECT ${source.columns} FROM ${source.table} WHERE ${where} ORDER BY id DESC LIMIT ${wanted}`.execute(kysely);
    return { rows, frontier: rows.length < wanted ? undefined : rows.at(-1)?.id };
  }
  const { rows } = await sql<ListedRow & { readonly fits: boolean; readonly place: number }>`
    SELECT * FROM (
      SELECT ${source.columns}, (${residual}) IS TRUE AS fits, row_number() OVER (ORDER BY id DESC) AS place
      FROM ${source.table} WHERE ${where} ORDER BY id DESC LIMIT ${size}
    ) p WHERE fits OR place = ${size} ORDER BY id DESC LIMIT ${wanted}`.execute(kysely);
  const isWhole = rows.length < wanted && rows.at(-1)?.place !== size;
  return { rows: rows.filter(({ fits }) => fits), frontier: isWhole ? undefined : rows.at(-1)?.id };
}

function rangeOf({ from, before }: IdRange): Expression<SqlBool>[] {
  return [
    ...(from === undefined ? [] : [sql<SqlBool>`id >= ${from}`]),
    ...(before === undefined ? [] : [sql<SqlBool>`id < ${before}`]),
  ];
}

/** Undefined without days. */
async function oldestDay(kysely: Kysely<Tables>): Promise<string | undefined> {
  const { rows } = await sql<{ name: string }>`
    SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'history_runs'::regclass AND c.relname <> 'history_runs_other' ORDER BY 1 LIMIT 1`.execute(
    kysely,
  );
  return rows[0]?.name.slice("history_runs_".length).replaceAll("_", "-");
}

function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

function shiftDay(day: string, by: number): string {
  return dayOf(Date.parse(day) + by * DAY_MS);
}
