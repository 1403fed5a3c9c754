import type { Database } from "../database.ts";

/** How long ended runs are kept. */
export interface Retention {
  /** Days behind a run's end; at least so long. */
  readonly days: number;
  /** Most ended runs of one workflow, the newest; 0 means any number. */
  readonly runs: number;
}

/** What somebody says of it; null leaves it to the next in line. */
export interface RetentionChoice {
  readonly days: number | null;
  readonly runs: number | null;
}

/** Bounds of what anybody may say. */
export const RETENTION_BOUNDS = { daysMax: 3_650, runsMax: 1_000_000 } as const;

/** The retention of one workflow, with all that is said put together. */
export interface WorkflowRetention extends Retention {
  readonly workflowId: string;
}

/**
 * Of all workflows, deleted ones too: their history stays. What is said of the workflow itself comes before what its live
 * version says, then the project, then the house.
 */
export async function readRetentions(
  database: Database,
  house: Retention,
  daysMax: number,
): Promise<readonly WorkflowRetention[]> {
  const rows = await database.query<{ id: string } & RetentionChoice>(
    `SELECT w.id, COALESCE(w.history_days, v.history_days, p.history_days) AS days,
       COALESCE(w.history_runs, v.history_runs, p.history_runs) AS runs
     FROM workflows w JOIN projects p ON p.id = w.project_id LEFT JOIN versions v ON v.id = w.version_id`,
  );
  return rows.map(({ id, days, runs }) => ({
    workflowId: id,
    days: Math.min(days ?? house.days, daysMax),
    runs: runs ?? house.runs,
  }));
}
