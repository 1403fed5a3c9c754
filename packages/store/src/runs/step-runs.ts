import {
  isEndState,
  parseStepPath,
  parseStepRun,
  placeStep,
  stepPath,
  type RunSpec,
  type RunState,
  type StepResult,
  type StepRunState,
} from "@millrace/core";
import type { StepPause, StepRunRecord } from "./run-records.ts";
import { attemptsOf, type Execution, type Tries } from "./step-attempts.ts";
import { STEP_PLACE, toStepResult, type StepRow } from "./step-detail.ts";

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
  return `SELECT DISTINCT ON (run_id, ${STEP_PLACE}) * FROM ${table} WHERE ${condition} ORDER BY run_id, ${STEP_PLACE}, ordinal DESC`;
}

/**
 * All steps of a version as one run has them, each in its newest execution. Only what was committed has a row; the others follow from the run: of a run
 * that goes on, the next step is where the run is; of one that has ended, nothing behind the last step ever ran, but the step
 * in which a started run was cancelled.
 */
export function toStepRuns(
  run: RunProgress,
  spec: RunSpec,
  rows: readonly StepRow[],
  { losses, executions }: Tries,
): StepRunRecord[] {
  const steps = toStepResults(rows);
  const assignments = new Map(rows.map(({ path, assignment }) => [path, assignment]));
  const lossesOf = Map.groupBy(losses, ({ path }) => parseStepPath(path));
  const executionsOf = Map.groupBy(executions, ({ path }) => parseStepPath(path));
  return spec.stepNames.map((name, index) => {
    const result = steps[index];
    const lost = lossesOf.get(index) ?? [];
    if (!result) {
      const state = openState(run, steps.length === index, steps.at(-1));
      const none = { result: null, assignment: 0, runs: 0, pause: null };
      return { path: stepPath(index), name, state, ...none, ...attemptsOf(lost, [], 0) };
    }
    const { path } = result;
    const { runs } = parseStepRun(path);
    const assignment = assignments.get(path) ?? 0;
    const last = ended(result, assignment);
    const earlier = (executionsOf.get(index) ?? []).filter((one) => one.path !== path);
    return {
      ...{ path, name, state: doneState(run, result, index + 1 === steps.length), result, assignment, runs },
      pause: pauseOf(run, result, steps[index + 1]?.startTimeMs),
      ...attemptsOf(lost, [...earlier, ...last], result.takenFrom === undefined ? runs - 1 + last.length : 0),
    };
  });
}

/** The execution that a step's result tells of. None of what a replay has taken over, and none that gave a run up that killed what ran it. */
function ended({ path, startTimeMs, endTimeMs, failure, takenFrom }: StepResult, assignment: number): Execution[] {
  if (takenFrom !== undefined || failure?.cause === "POISON") return [];
  return [{ path, assignment, start_time: startTimeMs, end_time: endTimeMs, failed: failure !== undefined }];
}

/**
 * The pause behind a step. Of one that the clock has ended there is no word in the record: it was over when its time had come, at
 * the latest when the run went on or ended.
 */
function pauseOf(
  run: RunProgress,
  { pause, endTimeMs, resumption }: StepResult,
  next: number | undefined,
): StepPause | null {
  if (!pause) return null;
  const { kind, wakeTimeMs } = pause;
  const lasts = next === undefined && resumption === undefined && run.state === "SUSPENDED";
  const over = Math.max(endTimeMs, Math.min(wakeTimeMs, next ?? Infinity, run.end_time ?? Infinity));
  return { kind, startTimeMs: endTimeMs, wakeTimeMs, endTimeMs: lasts ? null : (resumption?.timeMs ?? over) };
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
