import { partitionOf, type EndState } from "@millrace/core";
import type { Database } from "../database.ts";
import { isId } from "../definitions/ids.ts";
import type { WorkflowActivity } from "./run-records.ts";

/** Runs that a workflow's numbers are of. */
const SAMPLE_MAX = 200;

interface ActivityRow {
  readonly workflow_id: string;
  readonly id: string;
  readonly state: EndState;
  readonly create_time: number;
  readonly duration_ms: number;
}

/** The newest ended runs of each workflow, by the index that has them in this order. */
export async function readActivity(
  database: Database,
  projectId: string,
  workflowIds: readonly string[],
): Promise<readonly WorkflowActivity[]> {
  const ids = workflowIds.filter(isId);
  const found = await database.query<{ id: string }>(
    "SELECT id FROM workflows WHERE id = ANY ($1::uuid[]) AND project_id = $2 AND delete_time IS NULL",
    [ids, projectId],
  );
  const own = new Set(found.map(({ id }) => id));
  const rows = await database.query<ActivityRow>(
    `SELECT w.id AS workflow_id, r.* FROM unnest($1::uuid[]) AS w (id) CROSS JOIN LATERAL (
       SELECT id, state, create_time,
         (extract(epoch FROM end_time - COALESCE(start_time, end_time)) * 1000)::double precision AS duration_ms
       FROM history_runs WHERE workflow_id = w.id ORDER BY id DESC LIMIT ${SAMPLE_MAX}) r`,
    [[...own]],
  );
  const runs = Map.groupBy(rows, ({ workflow_id }) => workflow_id);
  const unfinished = await readNewestUnfinished(database, [...own]);
  return ids
    .filter((id) => own.has(id))
    .map((workflowId) => ({
      workflowId,
      lastRunTimeMs: latest(unfinished.get(workflowId), runs.get(workflowId)?.[0]?.create_time),
      runs: (runs.get(workflowId) ?? []).map(({ id, state, create_time, duration_ms }) => ({
        ...{ id, state, createTimeMs: create_time, durationMs: duration_ms },
      })),
    }));
}

function latest(...times: readonly (number | null | undefined)[]): number | null {
  const known = times.filter((time) => typeof time === "number");
  return known.length === 0 ? null : Math.max(...known);
}

/**
 * When each workflow's newest unfinished run was accepted: of those that are under way, that are paused, and that wait in the record
 * alone. Each of these has an index by partition and workflow, of which one row is read.
 */
async function readNewestUnfinished(
  database: Database,
  workflowIds: readonly string[],
): Promise<ReadonlyMap<string, number | null>> {
  const [house] = await database.query<{ partition_count: number }>("SELECT partition_count FROM house");
  const newest = (condition: string, order: string): string =>
    `(SELECT create_time FROM runs r WHERE r.partition = w.partition AND r.workflow_id = w.id AND ${condition}
      ORDER BY ${order} LIMIT 1)`;
  const rows = await database.query<{ id: string; create_time: number | null }>(
    `SELECT w.id, greatest(
       ${newest("wake_time IS NULL AND NOT parked", "sequence DESC")},
       ${newest("wake_time IS NOT NULL", "r.id DESC")},
       ${newest("parked", "(-priority) DESC, sequence DESC")}) AS create_time
     FROM unnest($1::uuid[], $2::int4[]) AS w (id, partition)`,
    [workflowIds, workflowIds.map((id) => partitionOf(id, house!.partition_count))],
  );
  return new Map(rows.map(({ id, create_time }) => [id, create_time]));
}
