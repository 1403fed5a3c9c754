import { PlatformError } from "@millrace/core";
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

/** What is said in one place, and what holds there. */
export interface RetentionView {
  readonly choice: RetentionChoice;
  readonly effective: Retention;
}

/** What projects and workflows say about how long runs are kept. */
export interface Retentions {
  ofProject(projectId: string): Promise<RetentionView>;
  setForProject(projectId: string, choice: RetentionChoice): Promise<void>;
  /** `WORKFLOW_NOT_FOUND`. */
  ofWorkflow(projectId: string, workflowId: string): Promise<RetentionView>;
  /** `WORKFLOW_NOT_FOUND`. */
  setForWorkflow(projectId: string, workflowId: string, choice: RetentionChoice): Promise<void>;
}

/** Before a scheduler has said what it goes by. */
const DAYS_DEFAULT = 30;

interface ViewRow extends RetentionChoice {
  readonly effective_days: number;
  readonly effective_runs: number;
}

const PROJECT_VIEW = `SELECT p.history_days AS days, p.history_runs AS runs,
  COALESCE(p.history_days, h.history_days, ${DAYS_DEFAULT}) AS effective_days,
  COALESCE(p.history_runs, h.history_runs, 0) AS effective_runs
  FROM projects p, house h WHERE p.id = $1`;

const WORKFLOW_VIEW = `SELECT w.history_days AS days, w.history_runs AS runs,
  COALESCE(w.history_days, v.history_days, p.history_days, h.history_days, ${DAYS_DEFAULT}) AS effective_days,
  COALESCE(w.history_runs, v.history_runs, p.history_runs, h.history_runs, 0) AS effective_runs
  FROM house h, workflows w JOIN projects p ON p.id = w.project_id LEFT JOIN versions v ON v.id = w.version_id
  WHERE w.project_id = $1 AND w.id = $2`;

/** What is said of retention, on Postgres. */
export function createRetentions(database: Database): Retentions {
  const view = async (text: string, ids: readonly string[]): Promise<RetentionView> => {
    const [row] = await database.query<ViewRow>(text, [...ids]);
    if (!row) throw new PlatformError("NotFound", "WORKFLOW_NOT_FOUND", `There is no workflow "${ids.at(-1) ?? ""}"`);
    const { days, runs, effective_days, effective_runs } = row;
    return { choice: { days, runs }, effective: { days: effective_days, runs: effective_runs } };
  };
  return {
    ofProject: (projectId) => view(PROJECT_VIEW, [projectId]),
    setForProject: async (projectId, { days, runs }) => {
      await database.change("UPDATE projects SET history_days = $2, history_runs = $3 WHERE id = $1", [
        projectId,
        days,
        runs,
      ]);
    },
    ofWorkflow: (projectId, workflowId) => view(WORKFLOW_VIEW, [projectId, workflowId]),
    setForWorkflow: async (projectId, workflowId, { days, runs }) => {
      await database.change(
        "UPDATE workflows SET history_days = $3, history_runs = $4 WHERE project_id = $1 AND id = $2",
        [projectId, workflowId, days, runs],
      );
    },
  };
}

/** Keeps what the house goes by where those find it who show it. */
export async function noteHouseRetention(database: Database, { days, runs }: Retention): Promise<void> {
  await database.change(
    `UPDATE house SET history_days = $1, history_runs = $2
     WHERE (history_days, history_runs) IS DISTINCT FROM ($1::int, $2::int)`,
    [days, runs],
  );
}
