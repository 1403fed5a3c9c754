import { isEndState, type RunSpec, type RunState, type StepRunState } from "@millrace/core";
import type { StepRunRecord } from "./run-records.ts";
import { toStepResult, type StepRow } from "./step-detail.ts";

interface RunProgress {
  readonly state: RunState;
  readonly start_time: number | null;
}

/**
 * All steps of a version as one run has them. Only what was committed has a row; the others follow from the run: of a run
 * that goes on, the next step is where the run is; of one that has ended, nothing behind the last step ever ran, but the step
 * in which a started run was cancelled.
 */
export function toStepRuns(run: RunProgress, spec: RunSpec, rows: readonly StepRow[]): StepRunRecord[] {
  const committed = new Map(rows.map((row) => [row.path, row]));
  let reached = false;
  return spec.stepNames.map((name, index) => {
    const path = `steps/${index}`;
    const row = committed.get(path);
    if (row) {
      const state = row.detail?.failure ? "FAILED" : "SUCCEEDED";
      return { path, name, state, result: toStepResult(row), assignment: row.assignment };
    }
    const next = !reached;
    reached = true;
    return { path, name, state: openState(run, next), result: null, assignment: 0 };
  });
}

function openState(run: RunProgress, next: boolean): StepRunState {
  if (isEndState(run.state)) {
    return next && run.state === "CANCELLED" && run.start_time !== null ? "CANCELLED" : "SKIPPED";
  }
  return next ? run.state : "PENDING";
}
