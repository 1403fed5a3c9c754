import type { RunSpec } from "./run-spec.ts";
import type { StepResult, TmpSnapshot } from "./step-result.ts";
import { placeStep, resumeStep } from "./steps.ts";

/** A run whose results another one may take over. */
export interface TakenRun {
  readonly runId: string;
  readonly spec: Pick<RunSpec, "stepNames">;
  /** Each step of its version with what came of it, as far as it ended well. */
  readonly steps: readonly (StepResult | undefined)[];
}

/** What a replay takes over, or why it cannot. */
export type TakeOver =
  | { readonly taken: readonly StepResult[] }
  | { readonly refused: "STEP_NOT_FOUND" }
  | { readonly refused: "STEP_NOT_DONE" | "STEPS_DIFFER"; readonly step: string };

/**
 * What stands for the steps above the one that a replay begins at. An answer was given to somebody else, a pause is over, and
 * workflows that were started are not started again.
 *
 * @param spec of the version that is replayed
 */
export function takeOver(run: TakenRun, spec: Pick<RunSpec, "stepNames">, fromStep: string): TakeOver {
  const index = spec.stepNames.indexOf(fromStep);
  if (index < 0) return { refused: "STEP_NOT_FOUND" };
  const taken: StepResult[] = [];
  for (const [place, step] of spec.stepNames.slice(0, index).entries()) {
    if (run.spec.stepNames[place] !== step) return { refused: "STEPS_DIFFER", step };
    const result = run.steps[place];
    if (result === undefined) return { refused: "STEP_NOT_DONE", step };
    taken.push(...rowsOf(result, run.runId));
  }
  return { taken };
}

/** A step, and behind it what ended its pause: in the record these are two. */
function rowsOf(result: StepResult, runId: string): StepResult[] {
  const { path, name, executionId, exportsJson, returnValueJson, startTimeMs, endTimeMs, tmp, resumption } = result;
  const takenFrom = result.takenFrom ?? runId;
  const step: StepResult = {
    ...{ path, name, executionId, exportsJson, returnValueJson, startTimeMs, endTimeMs, takenFrom, lastLogSequence: 0 },
    ...(tmp && { tmp }),
  };
  return resumption === undefined ? [step] : [step, { ...resumeStep(step, resumption), takenFrom }];
}

/** The steps of a run that has just been submitted: those that it takes over. */
export function takenSteps({
  takenOver = [],
}: {
  readonly takenOver?: readonly StepResult[] | undefined;
}): StepResult[] {
  const steps: StepResult[] = [];
  for (const step of takenOver) placeStep(steps, step);
  return steps;
}

/** The same, with another state of `/tmp` behind them. */
export function withTmp(taken: readonly StepResult[], tmp: TmpSnapshot | undefined): readonly StepResult[] {
  const last = taken.findLastIndex((step) => step.tmp !== undefined);
  return taken.map(({ tmp: _was, ...step }, index) => (index === last && tmp ? { ...step, tmp } : step));
}
