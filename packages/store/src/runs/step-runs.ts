import {
  isEndState,
  parseStepRun,
  placeStep,
  type RunSpec,
  type RunState,
  type StepResult,
  type StepRunState,
} from "@millrace/core";
import type { StepRunRecord } from "./run-records.ts";
import { toStepResult, type StepRow } from "./step-detail.ts";

interface RunProgress {
  readonly state: RunState;
  readonly start_time: number | null;
  readonly end_time: number | null;
}

/** The newest execution of each step, in order, with what ended its pause. */
export function toStepResults(rows: readonly StepRow[]): StepResult[] {
  const steps: StepResult[] = [];
  for (const row of [...rows].sort((a, b) => a.ordinal - b.ordinal)) placeStep(steps, toStepResult(row));
  return steps;
}

/**
 * SQL: of rows of steps, the newest execution of each step and the newest end of a pause behind it. A step that is executed
 * a thousand times (`pd.flow.rerun`) is read once.
 */
export function newestSteps(table: string, condition: string): string {
  const place = "regexp_replace(path, '/runs/[0-9]+', '')";
  return `SELECT DISTINCT ON (run_id, ${place}) * FROM ${table} WHERE ${condition} ORDER BY run_id, ${place}, ordinal DESC`;
}

/**
 * All steps of a version as one run has them, each in its newest execution. Only what was committed has a row; the others follow from the run: of a run
 * that goes on, the next step is where the run is; of one that has ended, nothing behind the last step ever ran, but the step
 * in which a started run was cancelled.
 */
export function toStepRuns(run: RunProgress, spec: RunSpec, rows: readonly StepRow[]): StepRunRecord[] {
  const steps = toStepResults(rows);
  const assignments = new Map(rows.map(({ path, assignment }) => [path, assignment]));
  return spec.stepNames.map((name, index) => {
    const result = steps[index];
    if (!result) {
      const state = openState(run, steps.length === index, steps.at(-1));
      return { path: `steps/${index}`, name, state, result: null, assignment: 0, runs: 0 };
    }
    const { path } = result;
    const state = doneState(run, result, index + 1 === steps.length);
    const { runs } = parseStepRun(path);
    return { path, name, state, result, assignment: assignments.get(path) ?? 0, runs };
  });
}

/** A step is paused as long as its run is; one that is to run again is where the run is. */
function doneState({ state }: RunProgress, { failure, pause, path }: StepResult, isLast: boolean): StepRunState {
  if (failure) return "FAILED";
  if (!isLast || !pause || isEndState(state)) return "SUCCEEDED";
  const again = pause.kind === "RERUN" && parseStepRun(path).runs <= pause.maxRetries;
  return state === "SUSPENDED" || again ? state : "SUCCEEDED";
}

function openState(run: RunProgress, next: boolean, last: StepResult | undefined): StepRunState {
  const wasPaused = last?.resumption === undefined || last.resumption.timeMs === run.end_time;
  const paused = last?.pause !== undefined && wasPaused;
  if (isEndState(run.state)) {
    return next && !paused && run.state === "CANCELLED" && run.start_time !== null ? "CANCELLED" : "SKIPPED";
  }
  return next && run.state !== "SUSPENDED" ? run.state : "PENDING";
}
