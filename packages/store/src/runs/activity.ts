import type { EndState } from "@millrace/core";
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
  return ids
    .filter((id) => own.has(id))
    .map((workflowId) => ({
      workflowId,
      runs: (runs.get(workflowId) ?? []).map(({ id, state, create_time, duration_ms }) => ({
        ...{ id, state, createTimeMs: create_time, durationMs: duration_ms },
      })),
    }));
}
