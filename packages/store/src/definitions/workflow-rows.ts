import { sql, type Kysely } from "kysely";
import type { Tables } from "../tables.ts";
import type { TriggerRecord, VersionRecord, VersionSpec, WorkflowRecord } from "./workflow-records.ts";

/** Workflows with the version that is live, as the start of a query. */
export function workflowsWithVersion(kysely: Kysely<Tables>) {
  return kysely
    .selectFrom("workflows as w")
    .leftJoin("versions as v", "v.id", "w.version_id")
    .select(["w.id", "w.project_id", "w.name", "w.enabled", "w.create_time", "w.delete_time"])
    .select(["v.id as version_id", "v.number", "v.definition", "v.spec", "v.create_time as version_create_time"]);
}

interface VersionRow {
  readonly project_id: string;
  readonly workflow_id: string;
  readonly version_id: string;
  readonly number: number;
  readonly definition: unknown;
  readonly spec: VersionSpec;
  readonly version_create_time: number;
}

type WorkflowRow = Awaited<ReturnType<ReturnType<typeof workflowsWithVersion>["execute"]>>[number];

/** The record of a version's row. */
export function toVersionRecord(row: VersionRow): VersionRecord {
  return {
    id: row.version_id,
    number: row.number,
    createTimeMs: row.version_create_time,
    spec: { projectId: row.project_id, workflowId: row.workflow_id, versionId: row.version_id, ...row.spec },
    definition: row.definition,
  };
}

/** The record of a workflow's row. */
export function toWorkflowRecord(row: WorkflowRow, triggers: readonly TriggerRecord[]): WorkflowRecord {
  const { id, project_id, name, enabled, create_time } = row;
  const version = row.version_id === null ? null : toVersionRecord({ ...row, workflow_id: id } as VersionRow);
  return { id, projectId: project_id, name, enabled, createTimeMs: create_time, version, triggers };
}

/** Active triggers by workflow, in their order. */
export async function readTriggers(
  kysely: Kysely<Tables>,
  workflowIds: readonly string[],
): Promise<Map<string, TriggerRecord[]>> {
  const triggers = new Map<string, TriggerRecord[]>();
  const rows = await kysely
    .selectFrom("triggers")
    .select(["id", "workflow_id", "name", "kind", "endpoint", "settings"])
    .where("workflow_id", "=", sql<string>`any(${workflowIds}::uuid[])`)
    .where("place", "is not", null)
    .orderBy("place")
    .execute();
  for (const { workflow_id, ...trigger } of rows) {
    const list = triggers.get(workflow_id);
    if (list) list.push(trigger);
    else triggers.set(workflow_id, [trigger]);
  }
  return triggers;
}
