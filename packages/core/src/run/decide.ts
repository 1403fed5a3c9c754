/**
 * The run state machine: what a command does to a run, without I/O, clock or randomness. The owner calls it, queues the
 * change for the next commit, and acts on the decision only when that commit is done.
 */
import { invariant } from "../errors.ts";
import type { AfterCommit } from "../messages.ts";
import type { EndChange, UpdateChange } from "../owner/record.ts";
import { boundResult, type SizedRun } from "./run-size.ts";
import type { RunSpec } from "./run-spec.ts";
import { mayMove, type EndState, type RunState } from "./run-state.ts";
import { parseStepPath, stepPath } from "./step-path.ts";
import type { StepResult } from "./step-result.ts";

/** What the state machine must know of a run. */
export interface RunFacts extends SizedRun {
  readonly partition: number;
  readonly runId: string;
  readonly spec: RunSpec;
  readonly state: RunState;
  readonly assignment: number;
  /** Steps decided so far, committed or in the commit under way. */
  readonly steps: readonly StepResult[];
  readonly startTimeMs: number | null;
  readonly deaths: number;
}

/** A change and what the runner does once it is committed. */
export interface Decision {
  readonly change: UpdateChange | EndChange;
  readonly then: AfterCommit;
}

/** A run whose environment or worker died under it this often is given up. */
export const DEATHS_MAX = 3;

/** A step has ended in the current assignment. The step must be the next one. */
export function decideCheckpoint(run: RunFacts, given: StepResult): Decision {
  const result = boundResult(run, given);
  const index = parseStepPath(result.path);
  invariant(index === run.steps.length, `step ${result.path} of run ${run.runId} is not the next one`);
  if (result.failure) return end(run, "FAILED", result.endTimeMs, result);
  if (result.exit) return end(run, "SUCCEEDED", result.endTimeMs, result, result.exit.reason);
  if (index + 1 >= run.spec.stepNames.length) return end(run, "SUCCEEDED", result.endTimeMs, result);
  if (result.pause) return suspend(run, result, result.pause.wakeTimeMs);
  return { change: update(run, { step: result }), then: "NEXT" };
}

/** Somebody asked for the end of the run. */
export function decideCancel(run: RunFacts, reason: string, wallMs: number): Decision {
  return end(run, "CANCELLED", wallMs, null, reason);
}

/** A further assignment is made: committed before its `Assign` goes out. */
export function decideAssign(run: RunFacts): Decision {
  return { change: update(run, { assignment: run.assignment + 1 }), then: "NEXT" };
}

/** The run is seen to run for a while: its state and start ride on the next commit. */
export function decideMarkRunning(run: RunFacts, startTimeMs: number): Decision {
  return { change: update(run, { startTimeMs: run.startTimeMs ?? startTimeMs }), then: "NEXT" };
}

/** The run's environment or worker died under it too often: it fails, so that it cannot kill workers for ever. */
export function decidePoison(run: RunFacts, wallMs: number): Decision {
  const index = run.steps.length;
  const result: StepResult = {
    path: stepPath(index),
    name: run.spec.stepNames[index] ?? "",
    executionId: `poison-${run.assignment}`,
    exportsJson: new Uint8Array(),
    returnValueJson: undefined,
    response: undefined,
    exit: undefined,
    failure: {
      cause: "POISON",
      type: "EnvironmentDied",
      message: `the step's environment or worker died ${run.deaths} times while this run was in it; the run is given up`,
      traceback: "",
      line: 0,
    },
    pause: undefined,
    startTimeMs: wallMs,
    endTimeMs: wallMs,
    lastLogSequence: 0,
  };
  return end(run, "FAILED", wallMs, result);
}

/** A suspend closes its assignment in the same commit: the number is raised, so that nothing of it counts any more. */
function suspend(run: RunFacts, step: StepResult, wakeTimeMs: number): Decision {
  return {
    change: update(run, { step, state: "SUSPENDED", assignment: run.assignment + 1, wakeTimeMs }),
    then: "SUSPEND",
  };
}

function update(run: RunFacts, fields: Partial<UpdateChange>): UpdateChange {
  const state = fields.state ?? "RUNNING";
  invariant(mayMove(run.state, state), `run ${run.runId} may not move from ${run.state} to ${state}`);
  return {
    kind: "update",
    partition: run.partition,
    runId: run.runId,
    state,
    assignment: run.assignment,
    startTimeMs: startTime(run, fields.step ?? null),
    step: null,
    wakeTimeMs: null,
    deaths: run.deaths,
    ...fields,
  };
}

function end(run: RunFacts, state: EndState, endTimeMs: number, step: StepResult | null, exitReason = ""): Decision {
  invariant(mayMove(run.state, state), `run ${run.runId} may not move from ${run.state} to ${state}`);
  const change: EndChange = {
    kind: "end",
    partition: run.partition,
    runId: run.runId,
    state,
    assignment: run.assignment,
    startTimeMs: startTime(run, step),
    endTimeMs,
    step,
    exitReason,
  };
  return { change, then: "END" };
}

function startTime(run: RunFacts, step: StepResult | null): number | null {
  return run.startTimeMs ?? run.steps[0]?.startTimeMs ?? step?.startTimeMs ?? null;
}
