import type { Turn } from "../messages.ts";
import type { RunSpec } from "./run-spec.ts";
import { isResumePath, parseStepRun, resumePath, stepPath } from "./step-path.ts";
import type { Resumption, StepResult } from "./step-result.ts";

const NOTHING = new Uint8Array();

/** How far a run has come: the newest execution of each step that has ended, in order. */
export interface Progress {
  readonly spec: Pick<RunSpec, "stepNames">;
  readonly steps: readonly StepResult[];
}

/** The address of the step run to come; undefined when no step is left. */
export function nextStepPath({ spec, steps }: Progress): string | undefined {
  const pause = steps.at(-1)?.pause;
  if (pause?.kind === "RERUN") {
    const { index, runs } = parseStepRun(steps.at(-1)!.path);
    if (runs <= pause.maxRetries) return stepPath(index, runs + 1);
  }
  return steps.length < spec.stepNames.length ? stepPath(steps.length) : undefined;
}

/** What the step to come is told when the run goes on after a pause; of a second execution it is the step itself. */
export function turnOf(progress: Progress): Turn | undefined {
  const paused = progress.steps.at(-1);
  const path = paused?.pause && nextStepPath(progress);
  if (!path) return undefined;
  const { runs } = parseStepRun(path);
  const contextJson = runs > 1 ? paused.pause!.contextJson : NOTHING;
  return { path, runs, contextJson, resumeJson: paused.resumption?.dataJson ?? NOTHING };
}

/**
 * Puts what was committed in its place: a further execution of a step supersedes the one before it, and what ended a pause
 * belongs to the step run that paused.
 */
export function placeStep(steps: StepResult[], step: StepResult): void {
  if (isResumePath(step.path)) {
    const paused = steps.findIndex(({ path }) => resumePath(path) === step.path);
    if (paused >= 0) steps[paused] = { ...steps[paused]!, resumption: toResumption(step) };
    return;
  }
  steps[parseStepRun(step.path).index] = step;
}

/** What ended a pause, as the row behind the paused step that the record keeps of it. */
export function resumeStep({ path, name }: StepResult, { requestId, timeMs, dataJson }: Resumption): StepResult {
  return {
    path: resumePath(path),
    name,
    executionId: requestId,
    exportsJson: dataJson,
    returnValueJson: undefined,
    response: undefined,
    exit: undefined,
    failure: undefined,
    pause: undefined,
    startTimeMs: timeMs,
    endTimeMs: timeMs,
    lastLogSequence: 0,
  };
}

function toResumption({ executionId, endTimeMs, exportsJson }: StepResult): Resumption {
  return { requestId: executionId, timeMs: endTimeMs, dataJson: exportsJson };
}

/** True when the step run lies before what the run has committed, or is the newest of it. */
export function isBehind({ steps }: Pick<Progress, "steps">, path: string): boolean {
  const { index, runs } = parseStepRun(path);
  const newest = steps[index];
  return newest !== undefined && runs <= parseStepRun(newest.path).runs;
}
