import { invariant, type LoadedRun, type RunSpec, type StepResult } from "@millrace/core";
import type pg from "pg";
import type { VersionSpec } from "./definitions/workflow-records.ts";
import type { StepRow } from "./runs/step-detail.ts";
import { decodeDeaths } from "./runs/deaths.ts";
import { newestSteps, toStepResults } from "./runs/step-runs.ts";

interface RunRow {
  id: string;
  partition: number;
  sequence: number;
  priority: number;
  parked: boolean;
  version_id: string;
  state: LoadedRun["state"];
  assignment: number;
  deaths: number;
  death_causes: string;
  create_time: number;
  start_time: number | null;
  wake_time: number | null;
  event_falls_back_to_body: boolean;
  wants_answer: boolean;
  wants_end: boolean;
  gateway: string;
  trigger_kind: string;
  trace_parent: string;
  trace_id: string;
  event: Uint8Array;
  context: Uint8Array;
}

/** Unfinished runs with their steps, as an owner finds them; in order of acceptance within their partition. */
export async function loadRuns(
  client: pg.ClientBase,
  condition: string,
  parameters: readonly unknown[],
): Promise<LoadedRun[]> {
  const { rows } = await client.query<RunRow>(
    `SELECT id, partition, sequence, priority, parked, version_id, state, assignment, deaths, death_causes, create_time,
       start_time, wake_time,
       event_falls_back_to_body, wants_answer, wants_end, gateway, trigger_kind, trace_parent, trace_id, event, context
     FROM runs WHERE ${condition} ORDER BY partition, sequence`,
    [...parameters],
  );
  if (rows.length === 0) return [];
  const specs = await readSpecs(client, [...new Set(rows.map((row) => row.version_id))]);
  const steps = await readSteps(
    client,
    rows.map((row) => row.id),
  );
  return rows.map((row) => toLoadedRun(row, specOf(row, specs), steps.get(row.id) ?? []));
}

/** A version's spec once, however many runs it has. */
async function readSpecs(client: pg.ClientBase, versions: readonly string[]): Promise<Map<string, RunSpec>> {
  const { rows } = await client.query<{ id: string; workflow_id: string; project_id: string; spec: VersionSpec }>(
    `SELECT v.id, v.workflow_id, w.project_id, v.spec FROM versions v JOIN workflows w ON w.id = v.workflow_id
     WHERE v.id = ANY ($1)`,
    [versions],
  );
  return new Map(
    rows.map(({ id, workflow_id, project_id, spec }) => [
      id,
      { projectId: project_id, workflowId: workflow_id, versionId: id, ...spec },
    ]),
  );
}

async function readSteps(client: pg.ClientBase, runIds: readonly string[]): Promise<Map<string, StepResult[]>> {
  const { rows } = await client.query<StepRow>(newestSteps("run_steps", "run_id = ANY ($1)"), [runIds]);
  const byRun = Map.groupBy(rows, ({ run_id }) => run_id);
  return new Map([...byRun].map(([runId, steps]) => [runId, toStepResults(steps)]));
}

function specOf(row: RunRow, specs: ReadonlyMap<string, RunSpec>): RunSpec {
  const spec = specs.get(row.version_id);
  invariant(spec, `run ${row.id} is of version ${row.version_id}, which the record does not know`);
  return spec;
}

function toLoadedRun(row: RunRow, spec: RunSpec, steps: readonly StepResult[]): LoadedRun {
  return {
    partition: row.partition,
    runId: row.id,
    sequence: row.sequence,
    priority: row.priority,
    parked: row.parked,
    spec,
    input: {
      eventJson: row.event,
      eventFallsBackToBody: row.event_falls_back_to_body,
      contextJson: row.context,
      triggerKind: row.trigger_kind,
      traceParent: row.trace_parent,
      traceId: row.trace_id,
      createTimeMs: row.create_time,
    },
    gateway: row.gateway,
    wantsAnswer: row.wants_answer,
    wantsEnd: row.wants_end,
    state: row.state,
    assignment: row.assignment,
    startTimeMs: row.start_time,
    wakeTimeMs: row.wake_time,
    deaths: decodeDeaths(row.deaths, row.death_causes),
    steps,
  };
}
