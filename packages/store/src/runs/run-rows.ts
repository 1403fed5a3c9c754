import { sql, type Expression, type Kysely, type SqlBool } from "kysely";
import type { RunState } from "@millrace/core";
import type { Tables } from "../tables.ts";

/** Which rows of one of the two tables a query wants. */
export interface RunCondition {
  readonly hot: Expression<SqlBool>;
  readonly history: Expression<SqlBool>;
}

const SHARED = sql.raw(
  `id, partition, priority, project_id, workflow_id, version_id, state, assignment, create_time, start_time, trigger_kind, trace_id,
   trace_parent, event_falls_back_to_body`,
);

/** A run's row, from the hot table or from history. */
export interface RunRow {
  readonly id: string;
  readonly partition: number;
  readonly priority: number;
  readonly project_id: string;
  readonly workflow_id: string;
  readonly version_id: string;
  readonly state: RunState;
  readonly assignment: number;
  readonly create_time: number;
  readonly start_time: number | null;
  /** When it goes on by itself; null when it is not paused. */
  readonly wake_time: number | null;
  readonly end_time: number | null;
  readonly exit_reason: string;
  readonly trigger_kind: string;
  readonly trace_id: string;
  readonly trace_parent: string;
  readonly event_falls_back_to_body: boolean;
  readonly workflow_name: string;
  readonly version_number: number;
}

/**
 * Rows of both tables, newest first. Ids are UUIDv7, so their order is the order of creation, in the hot table and over the
 * days of history alike, and the primary keys and the indexes by workflow and project give it without a sort. A statement
 * sees one moment, so a run that moves to history meanwhile is in exactly one of the two. Paused runs have indexes of their
 * own. Runs that test a draft name the draft where others name their workflow, which their version tells.
 */
export async function readRunRows(kysely: Kysely<Tables>, condition: RunCondition, limit: number): Promise<RunRow[]> {
  const { rows } = await sql<RunRow>`
    SELECT r.*, v.workflow_id, w.name AS workflow_name, v.number AS version_number
    FROM (
      (SELECT ${SHARED}, wake_time, NULL::timestamptz AS end_time, '' AS exit_reason
       FROM runs WHERE ${condition.hot} AND wake_time IS NULL ORDER BY id DESC LIMIT ${limit})
      UNION ALL
      (SELECT ${SHARED}, wake_time, NULL::timestamptz AS end_time, '' AS exit_reason
       FROM runs WHERE ${condition.hot} AND wake_time IS NOT NULL ORDER BY id DESC LIMIT ${limit})
      UNION ALL
      (SELECT ${SHARED}, NULL::timestamptz AS wake_time, end_time, exit_reason
       FROM history_runs WHERE ${condition.history} ORDER BY id DESC LIMIT ${limit})
      ORDER BY id DESC LIMIT ${limit}
    ) r
    JOIN versions v ON v.id = r.version_id
    JOIN workflows w ON w.id = v.workflow_id
    ORDER BY r.id DESC`.execute(kysely);
  return rows;
}
