import type { RunRow } from "./run-rows.ts";
import type { RunSummary } from "./run-records.ts";
import type { StepRow } from "./step-detail.ts";

/** The step that failed a run. */
export type FailedStep = Pick<StepRow, "path" | "name" | "detail">;

/** A run without its steps. */
export function toSummary(row: RunRow, failed: FailedStep | undefined): RunSummary {
  const failure = failed?.detail?.failure;
  return {
    id: row.id,
    partition: row.partition,
    priority: row.priority,
    projectId: row.project_id,
    workflowId: row.workflow_id,
    workflowName: row.workflow_name,
    versionId: row.version_id,
    versionNumber: row.version_number,
    state: row.state,
    assignment: row.assignment,
    triggerKind: row.trigger_kind,
    traceId: row.trace_id,
    createTimeMs: row.create_time,
    startTimeMs: row.start_time,
    endTimeMs: row.end_time,
    wakeTimeMs: row.wake_time,
    exitReason: row.exit_reason,
    failure: failure && failed ? { ...failure, path: failed.path, step: failed.name } : null,
  };
}
