/**
 * The run state machine: what a command does to a run, without I/O, clock or randomness. The owner calls it, queues the
 * change for the next commit, and acts on the decision only when that commit is done.
 */
import { invariant } from "../errors.ts";
import type { AfterCommit, Resume } from "../messages.ts";
import type { DeathCause, EndChange, UpdateChange } from "../owner/record.ts";
import {
  awaitedChild,
  boundChildren,
  cancelAwaited,
  childStarts,
  resultForParent,
  WORKFLOW_TRIGGER,
} from "./children.ts";
import { boundResult } from "./run-size.ts";
import type { RunInput, RunSpec } from "./run-spec.ts";
import { mayMove, type EndState, type RunState } from "./run-state.ts";
import { parseStepPath } from "./step-path.ts";
import type { StepResult } from "./step-result.ts";
import { nextStepPath, resumeStep } from "./steps.ts";

/** What the state machine must know of a run. */
export interface RunFacts {
  readonly partition: number;
  readonly runId: string;
  readonly spec: RunSpec;
  readonly input: RunInput;
  readonly state: RunState;
  readonly assignment: number;
  /** The newest execution of each step decided so far, committed or in the commit under way. */
  readonly steps: readonly StepResult[];
  readonly startTimeMs: number | null;
  /** Own deaths since the last checkpoint. */
  readonly deaths: readonly DeathCause[];
  /** True when the record says that it waits there alone. */
  readonly parked?: boolean | undefined;
}

/** A change and what the runner does once it is committed. */
export interface Decision {
  readonly change: UpdateChange | EndChange;
  readonly then: AfterCommit;
}

/** A run whose environment or worker died under it this often, without a checkpoint in between, is given up. */
export const DEATHS_MAX = 3;

/** A step has ended in the current assignment. The step must be the next one. */
export function decideCheckpoint(run: RunFacts, given: StepResult): Decision {
  const result = boundChildren(run, boundResult(run, given));
  const index = parseStepPath(result.path);
  invariant(result.path === nextStepPath(run), `step ${result.path} of run ${run.runId} is not the next one`);
  if (result.failure) return end(run, "FAILED", result.endTimeMs, result);
  if (result.exit) return end(run, "SUCCEEDED", result.endTimeMs, result, result.exit.reason);
  if (result.pause) return suspend(run, result);
  if (index + 1 >= run.spec.stepNames.length) return end(run, "SUCCEEDED", result.endTimeMs, result);
  return { change: update(run, { ...stepFields(run, result), deaths: [] }), then: "NEXT" };
}

/**
 * The time of a pause is over without a request: undefined when the run merely waits for a runner again. Its next
 * assignment says so in the record.
 */
export function decideWake(run: RunFacts, wallMs: number): Decision | undefined {
  const paused = run.steps.at(-1);
  if (paused?.pause?.onTimeout === "CANCEL") {
    const { kind } = paused.pause;
    const what = kind === "CHILD" ? "the workflow that it waited for has not ended" : "nobody has resumed it";
    return end(run, "CANCELLED", wallMs, null, `the run was paused in step "${paused.name}", and ${what} in time`);
  }
  return nextStepPath(run) === undefined ? end(run, "SUCCEEDED", wallMs, null) : undefined;
}

/** A request ends the run's pause. What it brought is part of the same commit. */
export function decideResume(run: RunFacts, message: Resume, wallMs: number): Decision {
  const paused = run.steps.at(-1);
  invariant(paused?.pause && run.state === "SUSPENDED", `run ${run.runId} is not paused`);
  const resumption = { requestId: message.requestId, timeMs: wallMs, dataJson: message.dataJson };
  const step = resumeStep(paused, resumption);
  if (message.action === "CANCEL") return end(run, "CANCELLED", wallMs, step, message.reason);
  if (nextStepPath(run) === undefined) return end(run, "SUCCEEDED", wallMs, step);
  return { change: update(run, { state: "PENDING", step }), then: "NEXT" };
}

/** Somebody asked for the end of the run. */
export function decideCancel(run: RunFacts, reason: string, wallMs: number): Decision {
  return end(run, "CANCELLED", wallMs, null, reason);
}

/** A further assignment is made: committed before its `Assign` goes out. */
export function decideAssign(run: RunFacts): Decision {
  const parked = run.parked === true ? false : undefined;
  return { change: update(run, { assignment: run.assignment + 1, parked }), then: "NEXT" };
}

/** The run waits in the record: its owner lets it go until its turn comes near. */
export function decidePark(run: RunFacts): Decision {
  return { change: update(run, { state: "PENDING", parked: true }), then: "NEXT" };
}

/** The run is seen to run for a while: its state and start ride on the next commit. */
export function decideMarkRunning(run: RunFacts, startTimeMs: number): Decision {
  return { change: update(run, { startTimeMs: run.startTimeMs ?? startTimeMs }), then: "NEXT" };
}

/** The run's environment or worker died under it too often: it fails, so that it cannot kill workers for ever. */
export function decidePoison(run: RunFacts, wallMs: number): Decision {
  const path = nextStepPath(run);
  invariant(path !== undefined, `run ${run.runId} has no step left`);
  const result: StepResult = {
    path,
    name: run.spec.stepNames[parseStepPath(path)] ?? "",
    executionId: `poison-${run.assignment}`,
    exportsJson: new Uint8Array(),
    returnValueJson: undefined,
    response: undefined,
    exit: undefined,
    failure: {
      cause: "POISON",
      type: "EnvironmentDied",
      message: `this step killed what ran it ${run.deaths.length} times in a row (${describeDeaths(run.deaths)}); the run is given up`,
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

const DEATH_TEXTS: Readonly<Record<DeathCause, string>> = {
  ENVIRONMENT_DIED: "its environment died",
  WORKER_DIED: "its worker died",
  UNKNOWN: "its environment or worker died",
};

/** Such as `its worker died, its environment died twice`. */
function describeDeaths(deaths: readonly DeathCause[]): string {
  const times = (count: number): string => (count === 1 ? "" : count === 2 ? " twice" : ` ${count} times`);
  return [...Map.groupBy(deaths, (cause) => cause)]
    .map(([cause, { length }]) => `${DEATH_TEXTS[cause]}${times(length)}`)
    .join(", ");
}

/** A suspend closes its assignment in the same commit: the number is raised, so that nothing of it counts any more. */
function suspend(run: RunFacts, result: StepResult): Decision {
  const pause = { ...result.pause!, child: awaitedChild(run.runId, result) };
  const { wakeTimeMs } = pause;
  const fields = stepFields(run, { ...result, pause });
  return {
    change: update(run, { ...fields, state: "SUSPENDED", assignment: run.assignment + 1, wakeTimeMs, deaths: [] }),
    then: "SUSPEND",
  };
}

/** A step with what it sends to others; its children leave it here. */
function stepFields(run: RunFacts, result: StepResult): Pick<UpdateChange, "step" | "outbox"> {
  if (!result.children) return { step: result };
  return { step: { ...result, children: undefined }, outbox: childStarts(run, result) };
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
  return { change: withOutbox(run, change), then: "END" };
}

/** What others learn of a run's end: its parent, a child that it waited for, workflows that its last step starts. */
function withOutbox(run: RunFacts, change: EndChange): EndChange {
  const starts = change.state === "SUCCEEDED" && change.step?.children;
  if (!starts && change.state !== "CANCELLED" && run.input.triggerKind !== WORKFLOW_TRIGGER) return change;
  const outbox = [
    ...(starts ? childStarts(run, change.step!) : []),
    ...(change.state === "CANCELLED" ? cancelAwaited(run, run.steps.at(-1)) : []),
    ...resultForParent(run, change),
  ];
  return outbox.length === 0 ? change : { ...change, outbox };
}

function startTime(run: RunFacts, step: StepResult | null): number | null {
  // What it has taken over ran long before it was there.
  const own = run.steps.find(({ takenFrom }) => takenFrom === undefined);
  return run.startTimeMs ?? own?.startTimeMs ?? step?.startTimeMs ?? null;
}
