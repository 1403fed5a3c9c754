import { invariant, PlatformError, type LoadedRun, type RunSpec, type StepResult } from "@millrace/core";
import type pg from "pg";
import type { Database } from "./database.ts";
import type { VersionSpec } from "./definitions/workflow-records.ts";
import type { Partitions } from "./ports.ts";
import { toStepResult, type StepRow } from "./runs/step-detail.ts";

/** Ownership on Postgres. */
export function createPartitions(database: Database): Partitions {
  return {
    count: () => countPartitions(database),
    registerCommitter: (id) => registerCommitter(database, id),
    take: (partitions) => takePartitions(database, partitions),
    load: (epochs) => database.withClient((client) => loadInSnapshot(client, epochs)),
  };
}

async function countPartitions(database: Database): Promise<number> {
  const rows = await database.query<{ partition_count: number }>("SELECT partition_count FROM house");
  return rows[0]!.partition_count;
}

/** A name that has committed before would find its first commits done already. */
async function registerCommitter(database: Database, id: string): Promise<void> {
  const changed = await database.change(
    `INSERT INTO committers (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET seen_time = now() WHERE committers.number = 0`,
    [id],
  );
  if (changed > 0) return;
  throw new PlatformError("AlreadyExists", "COMMITTER_EXISTS", `A scheduler has committed as "${id}" before`);
}

/** Locks in the order in which commits lock, so that the two cannot wait for each other in a circle. */
async function takePartitions(database: Database, partitions: readonly number[]): Promise<Map<number, number>> {
  const rows = await database.query<{ partition: number; epoch: number }>(
    `WITH locked AS MATERIALIZED (
       SELECT partition FROM partitions WHERE partition = ANY ($1) ORDER BY partition FOR NO KEY UPDATE
     )
     UPDATE partitions p SET epoch = p.epoch + 1 FROM locked WHERE p.partition = locked.partition
     RETURNING p.partition, p.epoch`,
    [[...partitions]],
  );
  return new Map(rows.map(({ partition, epoch }) => [partition, epoch]));
}

interface RunRow {
  id: string;
  partition: number;
  sequence: number;
  version_id: string;
  state: LoadedRun["state"];
  assignment: number;
  deaths: number;
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

/**
 * One snapshot for all of it, begun after the take was committed: a snapshot from before would miss what the former owner
 * committed while the take waited for it.
 */
async function loadInSnapshot(
  client: pg.ClientBase,
  epochs: ReadonlyMap<number, number>,
): Promise<{ rows: LoadedRun[]; moved: Set<number> }> {
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const held = await readHeld(client, epochs);
  const [rows, specs, steps] = [
    await readRuns(client, held),
    await readSpecs(client, held),
    await readSteps(client, held),
  ];
  await client.query("COMMIT");
  const moved = new Set([...epochs.keys()].filter((partition) => !held.includes(partition)));
  return { rows: rows.map((row) => toLoadedRun(row, specOf(row, specs), steps.get(row.id) ?? [])), moved };
}

async function readHeld(client: pg.ClientBase, epochs: ReadonlyMap<number, number>): Promise<number[]> {
  const { rows } = await client.query<{ partition: number; epoch: number }>(
    "SELECT partition, epoch FROM partitions WHERE partition = ANY ($1) ORDER BY partition",
    [[...epochs.keys()]],
  );
  return rows.filter(({ partition, epoch }) => epochs.get(partition) === epoch).map(({ partition }) => partition);
}

async function readRuns(client: pg.ClientBase, partitions: readonly number[]): Promise<RunRow[]> {
  const { rows } = await client.query<RunRow>(
    `SELECT id, partition, sequence, version_id, state, assignment, deaths, create_time, start_time, wake_time,
       event_falls_back_to_body, wants_answer, wants_end, gateway, trigger_kind, trace_parent, trace_id, event, context
     FROM runs WHERE partition = ANY ($1) ORDER BY partition, sequence`,
    [partitions],
  );
  return rows;
}

/** A version's spec once, however many runs it has. */
async function readSpecs(client: pg.ClientBase, partitions: readonly number[]): Promise<Map<string, RunSpec>> {
  const { rows } = await client.query<{ id: string; workflow_id: string; project_id: string; spec: VersionSpec }>(
    `SELECT v.id, v.workflow_id, w.project_id, v.spec FROM versions v JOIN workflows w ON w.id = v.workflow_id
     WHERE v.id IN (SELECT version_id FROM runs WHERE partition = ANY ($1))`,
    [partitions],
  );
  return new Map(
    rows.map(({ id, workflow_id, project_id, spec }) => [
      id,
      { projectId: project_id, workflowId: workflow_id, versionId: id, ...spec },
    ]),
  );
}

async function readSteps(client: pg.ClientBase, partitions: readonly number[]): Promise<Map<string, StepResult[]>> {
  const { rows } = await client.query<StepRow>(
    `SELECT s.* FROM run_steps s JOIN runs r ON r.id = s.run_id WHERE r.partition = ANY ($1) ORDER BY s.run_id, s.ordinal`,
    [partitions],
  );
  const steps = new Map<string, StepResult[]>();
  for (const row of rows) {
    const list = steps.get(row.run_id);
    if (list) list.push(toStepResult(row));
    else steps.set(row.run_id, [toStepResult(row)]);
  }
  return steps;
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
    deaths: row.deaths,
    steps,
  };
}
