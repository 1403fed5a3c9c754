import { isEndState, isRunId, partitionOf, PlatformError, runIdDay, type RunState } from "@millrace/core";
import { sql, type Expression, type Kysely, type SqlBool } from "kysely";
import type { Database } from "../database.ts";
import { isId } from "../definitions/ids.ts";
import { encodePageToken, pageSizeOf, parsePageToken } from "../definitions/paging.ts";
import type { Tables } from "../tables.ts";
import type { RunFilter, RunPage } from "./run-records.ts";
import {
  allOf,
  firstIdOf,
  searchHistory,
  searchUnfinished,
  type Found,
  type IdRange,
  type ListedRow,
  type Search,
} from "./run-scan.ts";
import { toSummary, type FailedStep } from "./run-summary.ts";

/** What one page may take of looking for what no index finds. */
const SEARCH_MS = 25;
const TEXT_MAX = 200;
/** Most runs of a project under one idempotency key: one for each workflow. */
const KEY_RUNS_MAX = 1_000;
const HOT_STATES = ["PENDING", "RUNNING", "SUSPENDED"] as const;

/** Newest first, unfinished and ended runs in one order: an id tells the time of its run. */
export async function listRuns(database: Database, filter: RunFilter): Promise<RunPage> {
  const size = pageSizeOf(filter);
  const before = parsePageToken(filter, isRunId);
  return database.snapshot(async (kysely) => {
    const found = await search(kysely, filter, before, size + 1);
    const page = merge(found, size);
    const rows = await toSummaries(kysely, page.rows);
    return {
      items: rows,
      nextPageToken: page.next === undefined ? "" : encodePageToken(page.next),
      partial: page.partial,
    };
  });
}

async function search(
  kysely: Kysely<Tables>,
  filter: RunFilter,
  before: string | undefined,
  wanted: number,
): Promise<readonly Found[]> {
  const { workflowId } = filter;
  if (workflowId !== undefined && !(await isOfProject(kysely, workflowId, filter.projectId))) return [];
  const residual = await residualOf(kysely, filter);
  if (residual === undefined) return [];
  const common = { range: rangeOf(filter, before), wanted, untilMs: performance.now() + SEARCH_MS };
  return [
    ...(await searchHot(kysely, filter, { ...common, residual })),
    ...(await searchEnded(kysely, filter, { ...common, residual })),
  ];
}

type Common = Pick<Search, "range" | "wanted" | "untilMs"> & { readonly residual: readonly Expression<SqlBool>[] };

/** The newest rows of all searches together, down to where all of them have come. */
function merge(
  found: readonly Found[],
  size: number,
): { rows: ListedRow[]; next: string | undefined; partial: boolean } {
  const frontier = found.reduce<string | undefined>(
    (newest, { frontier: at }) => (at !== undefined && (newest === undefined || at > newest) ? at : newest),
    undefined,
  );
  const rows = found
    .flatMap(({ rows: of }) => of)
    .filter(({ id }) => frontier === undefined || id >= frontier)
    .sort((a, b) => (a.id < b.id ? 1 : -1));
  if (rows.length > size) return { rows: rows.slice(0, size), next: rows[size - 1]!.id, partial: false };
  return { rows, next: frontier, partial: frontier !== undefined && rows.length < size };
}

async function isOfProject(kysely: Kysely<Tables>, workflowId: string, projectId: string): Promise<boolean> {
  if (!isId(workflowId)) return false;
  const query = kysely.selectFrom("workflows").select("id").where("id", "=", workflowId);
  return (await query.where("project_id", "=", projectId).executeTakeFirst()) !== undefined;
}

function rangeOf({ createdFromMs, createdBeforeMs }: RunFilter, before: string | undefined): IdRange {
  const end = createdBeforeMs === undefined ? undefined : firstIdOf(createdBeforeMs);
  return {
    from: createdFromMs === undefined ? undefined : firstIdOf(createdFromMs),
    before: before !== undefined && (end === undefined || before < end) ? before : end,
  };
}

/** What is asked of rows in both tables; undefined when no run can be meant. */
async function residualOf(kysely: Kysely<Tables>, filter: RunFilter): Promise<Expression<SqlBool>[] | undefined> {
  const { workflowId, version, triggerKind, key } = filter;
  const conditions: Expression<SqlBool>[] = [];
  if (version !== undefined) {
    if (workflowId === undefined) {
      const message = "The number of a version means something only together with its workflow";
      throw new PlatformError("InvalidArgument", "VERSION_NEEDS_WORKFLOW", message);
    }
    const query = kysely.selectFrom("versions").select("id").where("workflow_id", "=", workflowId);
    const found = await query.where("number", "=", version).executeTakeFirst();
    if (!found) return undefined;
    conditions.push(sql<SqlBool>`version_id = ${found.id}`);
  }
  if (triggerKind !== undefined) conditions.push(sql<SqlBool>`trigger_kind = ${triggerKind}`);
  if (key !== undefined) {
    const ids = await runsOfKey(kysely, filter, key);
    if (ids.length === 0) return undefined;
    conditions.push(sql<SqlBool>`id = ANY (${ids}::uuid[])`);
  }
  return conditions;
}

async function runsOfKey(kysely: Kysely<Tables>, { projectId, workflowId }: RunFilter, key: string): Promise<string[]> {
  const { rows } = await sql<{ run_id: string }>`
    SELECT k.run_id FROM workflows w JOIN idempotency_keys k ON k.workflow_id = w.id
    WHERE w.project_id = ${projectId} AND k.key = ${key.replaceAll("\0", "")} AND k.expire_time > now()
      ${workflowId === undefined ? sql`` : sql`AND w.id = ${workflowId}`}
    LIMIT ${KEY_RUNS_MAX}`.execute(kysely);
  return rows.map(({ run_id }) => run_id);
}

/** Unfinished runs have neither an end nor a reason for it. */
async function searchHot(kysely: Kysely<Tables>, filter: RunFilter, common: Common): Promise<Found[]> {
  const { workflowId, text, durationMinMs, durationMaxMs, deadLetters } = filter;
  const states = filter.states?.filter((state) => !isEndState(state));
  const ended =
    text !== undefined || durationMinMs !== undefined || durationMaxMs !== undefined || deadLetters === true;
  if (ended || states?.length === 0) return [];
  const conditions = [...common.residual];
  if (states !== undefined && states.length < HOT_STATES.length) conditions.push(stateIs(states));
  if (workflowId === undefined) conditions.push(ofProject(filter));
  else conditions.push(sql<SqlBool>`workflow_id = ${workflowId}`);
  const wanted = { ...common, indexed: allOf([]), residual: allOf(conditions) };
  const place = workflowId === undefined ? undefined : await placeOf(kysely, workflowId);
  return [await searchUnfinished(kysely, wanted, place)];
}

/** The hot table has no index by workflow alone: the workflow's partition leads to it. */
async function placeOf(kysely: Kysely<Tables>, workflowId: string): Promise<Expression<SqlBool>> {
  const house = await kysely.selectFrom("house").select("partition_count").executeTakeFirstOrThrow();
  return sql<SqlBool>`partition = ${partitionOf(workflowId, house.partition_count)} AND workflow_id = ${workflowId}`;
}

/** Failed and cancelled runs have an index of their own, which has the state before the id. */
async function searchEnded(kysely: Kysely<Tables>, filter: RunFilter, common: Common): Promise<Found[]> {
  const states = filter.deadLetters === true ? ["FAILED" as const] : filter.states?.filter(isEndState);
  if (states?.length === 0) return [];
  const of = filter.workflowId === undefined ? ofProject(filter) : sql<SqlBool>`workflow_id = ${filter.workflowId}`;
  const residual = [...common.residual, ...endResidual(filter)];
  const run = (indexed: Expression<SqlBool>, conditions: readonly Expression<SqlBool>[]) =>
    searchHistory(
      kysely,
      { ...common, indexed, residual: conditions.length === 0 ? undefined : allOf(conditions) },
      Date.now(),
    );
  if (states === undefined || (states.includes("SUCCEEDED") && states.length === 3)) return [await run(of, residual)];
  if (states.includes("SUCCEEDED")) return [await run(of, [...residual, stateIs(states)])];
  const found: Found[] = [];
  // The state stands in the text: a plan may be made without the values, and then only this leads to the index.
  for (const state of states) found.push(await run(allOf([of, sql<SqlBool>`state = ${sql.lit(state)}`]), residual));
  return found;
}

/** Tests of drafts are shown to whoever asks for them; a workflow's own list has none. They are few: no index is missed. */
function ofProject({ projectId, triggerKind }: RunFilter): Expression<SqlBool> {
  if (triggerKind !== undefined) return sql<SqlBool>`project_id = ${projectId}`;
  return sql<SqlBool>`project_id = ${projectId} AND trigger_kind <> 'test'`;
}

function stateIs(states: readonly RunState[]): Expression<SqlBool> {
  return sql<SqlBool>`state = ANY (${states}::text[])`;
}

function endResidual({ text, durationMinMs, durationMaxMs, deadLetters }: RunFilter): Expression<SqlBool>[] {
  const conditions: Expression<SqlBool>[] = [];
  const duration = sql`extract(epoch FROM end_time - COALESCE(start_time, end_time)) * 1000`;
  if (durationMinMs !== undefined) conditions.push(sql<SqlBool>`${duration} >= ${durationMinMs}`);
  if (durationMaxMs !== undefined) conditions.push(sql<SqlBool>`${duration} <= ${durationMaxMs}`);
  if (text !== undefined) {
    if (text.length > TEXT_MAX) {
      throw new PlatformError(
        "InvalidArgument",
        "TEXT_TOO_LONG",
        `A text to look for has at most ${TEXT_MAX} characters`,
      );
    }
    const wanted = text.replaceAll("\0", "\u2400").toLowerCase();
    conditions.push(
      sql<SqlBool>`(position(${wanted} IN lower(exit_reason)) > 0 OR position(${wanted} IN lower(failure)) > 0)`,
    );
  }
  if (deadLetters === true) {
    conditions.push(
      sql<SqlBool>`NOT EXISTS (SELECT FROM dead_letters_settled s WHERE s.run_id = id AND s.action <> 'REPLAYING')`,
    );
  }
  return conditions;
}

/** What lists show of rows. */
export async function toSummaries(kysely: Kysely<Tables>, rows: readonly ListedRow[]) {
  const versions = await readVersions(kysely, rows);
  const failures = await readFailures(kysely, rows);
  return rows.map((row) => {
    const { workflow_name = "", version_number = 0 } = versions.get(row.version_id) ?? {};
    return toSummary({ ...row, workflow_name, version_number }, failures.get(row.id));
  });
}

interface VersionName {
  readonly workflow_name: string;
  readonly version_number: number;
}

async function readVersions(kysely: Kysely<Tables>, rows: readonly ListedRow[]): Promise<Map<string, VersionName>> {
  const ids = [...new Set(rows.map(({ version_id }) => version_id))];
  if (ids.length === 0) return new Map();
  const found = await kysely
    .selectFrom("versions as v")
    .innerJoin("workflows as w", "w.id", "v.workflow_id")
    .select(["v.id", "v.number as version_number", "w.name as workflow_name"])
    .where("v.id", "=", sql<string>`any(${ids}::uuid[])`)
    .execute();
  return new Map(found.map((row) => [row.id, row]));
}

/** Postgres' own look into JSON fails at the NUL that a message may have. */
async function readFailures(kysely: Kysely<Tables>, rows: readonly ListedRow[]): Promise<Map<string, FailedStep>> {
  const ids = rows.filter(({ state }) => state === "FAILED").map(({ id }) => id);
  if (ids.length === 0) return new Map();
  const days = [...new Set(ids.map(runIdDay))];
  const failed = await kysely
    .selectFrom("history_steps")
    .select(["run_id", "path", "name", "detail"])
    .where("day", "=", sql<string>`any(${days}::date[])`)
    .where("run_id", "=", sql<string>`any(${ids}::uuid[])`)
    .where(sql<SqlBool>`position('"failure":' IN detail::text) > 0`)
    .execute();
  return new Map(failed.filter(({ detail }) => detail?.failure).map((row) => [row.run_id, row]));
}
