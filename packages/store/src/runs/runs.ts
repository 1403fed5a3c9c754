import {
  isRunId,
  PlatformError,
  runIdDay,
  type RunInput,
  type RunSpec,
  type RunState,
  type StepResponse,
} from "@millrace/core";
import { CompiledQuery, sql, type Kysely, type SqlBool } from "kysely";
import type { Database } from "../database.ts";
import type { VersionSpec } from "../definitions/workflow-records.ts";
import type { Tables } from "../tables.ts";
import { readActivity } from "./activity.ts";
import { listRuns } from "./list-runs.ts";
import type { RunRecord, Runs, RunStatus } from "./run-records.ts";
import { readRunRows, type RunRow } from "./run-rows.ts";
import { summarizeRuns } from "./summarize-runs.ts";
import { toSummary } from "./run-summary.ts";
import type { StepDetail, StepRow } from "./step-detail.ts";
import { readTries } from "./step-attempts.ts";
import { newestSteps, toStepRuns } from "./step-runs.ts";

/** Runs on Postgres. */
export function createRuns(database: Database): Runs {
  return {
    get: (projectId, runId) => getRun(database, projectId, runId),
    getStatus: (runIds) => getStatus(database, runIds),
    list: (filter) => listRuns(database, filter),
    summarize: (runIds) => summarizeRuns(database, runIds),
    readActivity: (projectId, workflowIds) => readActivity(database, projectId, workflowIds),
    getStepResponse: (runId, path) => getStepResponse(database, runId, path),
    getState: (runId) => getState(database, runId),
  };
}

interface RunBody {
  readonly event: Uint8Array;
  readonly context: Uint8Array;
  readonly spec: VersionSpec;
}

/** In one snapshot, so that state, steps and end belong together. */
function getRun(database: Database, projectId: string | null, runId: string): Promise<RunRecord> {
  return database.snapshot(async (kysely) => {
    const row = isRunId(runId) ? await findRow(kysely, runId) : undefined;
    if (!row || (projectId !== null && row.project_id !== projectId)) {
      throw new PlatformError("NotFound", "RUN_NOT_FOUND", `There is no run "${runId.slice(0, 100)}"`);
    }
    const [body, steps] = [await readBody(kysely, row), await readSteps(kysely, row)];
    const { versionId, workflowId } = toSummary(row, undefined);
    const spec: RunSpec = { projectId: row.project_id, workflowId, versionId, ...body.spec };
    const tries = await readTries(kysely, row, steps);
    const failed = steps.find(({ detail }) => detail?.failure);
    return { ...toSummary(row, failed), spec, input: toInput(row, body), steps: toStepRuns(row, spec, steps, tries) };
  });
}

async function findRow(kysely: Kysely<Tables>, runId: string): Promise<RunRow | undefined> {
  const condition = {
    hot: sql<SqlBool>`id = ${runId}`,
    history: sql<SqlBool>`day = ${runIdDay(runId)} AND id = ${runId}`,
  };
  return (await readRunRows(kysely, condition, 1))[0];
}

async function readBody(kysely: Kysely<Tables>, row: RunRow): Promise<RunBody> {
  const source =
    row.end_time === null
      ? sql`runs r WHERE r.id = ${row.id}`
      : sql`history_runs r WHERE r.day = ${runIdDay(row.id)} AND r.id = ${row.id}`;
  const { rows } = await sql<RunBody>`
    SELECT event, context, (SELECT spec FROM versions v WHERE v.id = r.version_id) AS spec FROM ${source}`.execute(
    kysely,
  );
  return rows[0]!;
}

async function readSteps(kysely: Kysely<Tables>, { id, end_time }: RunRow): Promise<readonly StepRow[]> {
  const { rows } =
    end_time === null
      ? await kysely.executeQuery<StepRow>(CompiledQuery.raw(newestSteps("run_steps", "run_id = $1"), [id]))
      : await kysely.executeQuery<StepRow>(
          CompiledQuery.raw(newestSteps("history_steps", "day = $2 AND run_id = $1"), [id, runIdDay(id)]),
        );
  return rows;
}

function toInput(row: RunRow, { event, context }: RunBody): RunInput {
  return {
    eventJson: event,
    eventFallsBackToBody: row.event_falls_back_to_body,
    contextJson: context,
    triggerKind: row.trigger_kind,
    traceParent: row.trace_parent,
    traceId: row.trace_id,
    createTimeMs: row.create_time,
  };
}

interface StatusRow {
  readonly id: string;
  readonly partition: number;
  readonly state: RunState;
  readonly assignment: number;
  readonly path: string | null;
  readonly execution_id: string;
  readonly has_response: boolean;
}

/** One statement, so one moment: a run's steps move to history together with it. */
async function getStatus(database: Database, runIds: readonly string[]): Promise<readonly RunStatus[]> {
  const ids = runIds.filter(isRunId);
  const rows = await database.query<StatusRow>(
    `WITH wanted AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::date[]) AS w (id, day))
     SELECT r.id, r.partition, r.state, r.assignment, s.path, s.execution_id, s.response_body IS NOT NULL AS has_response, s.ordinal
     FROM wanted w JOIN runs r ON r.id = w.id LEFT JOIN run_steps s ON s.run_id = w.id
     UNION ALL
     SELECT w.id, r.partition, r.state, r.assignment, s.path, s.execution_id, s.response_body IS NOT NULL, s.ordinal
     FROM wanted w
     CROSS JOIN LATERAL (SELECT partition, state, assignment FROM history_runs h WHERE h.day = w.day AND h.id = w.id LIMIT 1) r
     LEFT JOIN history_steps s ON s.day = w.day AND s.run_id = w.id
     ORDER BY id, ordinal`,
    [ids, ids.map(runIdDay)],
  );
  const statuses = new Map<
    string,
    RunStatus & { steps: { path: string; executionId: string; hasResponse: boolean }[] }
  >();
  for (const { id, partition, state, assignment, path, execution_id, has_response } of rows) {
    let status = statuses.get(id);
    if (!status) statuses.set(id, (status = { id, partition, state, assignment, steps: [] }));
    if (path !== null) status.steps.push({ path, executionId: execution_id, hasResponse: has_response });
  }
  return [...statuses.values()];
}

interface ResponseRow {
  readonly execution_id: string;
  readonly response_body: Uint8Array;
  readonly detail: StepDetail;
}

async function getStepResponse(
  database: Database,
  runId: string,
  path: string,
): Promise<(StepResponse & { readonly executionId: string }) | undefined> {
  if (!isRunId(runId) || path.includes("\0")) return undefined;
  const [row] = await database.query<ResponseRow>(
    `SELECT execution_id, response_body, detail FROM run_steps WHERE run_id = $1 AND path = $2 AND response_body IS NOT NULL
     UNION ALL
     SELECT execution_id, response_body, detail FROM history_steps
     WHERE day = $3 AND run_id = $1 AND path = $2 AND response_body IS NOT NULL`,
    [runId, path, runIdDay(runId)],
  );
  return row && { ...row.detail.response!, body: row.response_body, executionId: row.execution_id };
}

async function getState(database: Database, runId: string): Promise<RunState | undefined> {
  const [status] = await getStatus(database, [runId]);
  return status?.state;
}
