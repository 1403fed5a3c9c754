import type { control, session, step } from "@millrace/protocol";

import type { Environment } from "./definitions/environment-cache.ts";
import type { LogSource } from "./logs/log-shipper.ts";

/** A run that the brain has taken, from its assignment until nothing of it is left in a worker. */
export interface ActiveRun {
  readonly assign: control.Assign;
  readonly handing: control.Handing;
  readonly assignment: session.Assignment;
  readonly killAtEndOfLife: boolean;
  readonly takenMs: number;
  /** End of the assignment's life; counts here only until a worker has the run. */
  untilMs: number;
  /** Set once a worker has the run: whose log lines to expect, and what must not be read in them. */
  source: LogSource | undefined;
}

/** Key of a handing among the runs of a runner. */
export function runKey(runId: string, assignment: number): string {
  return `${runId}/${assignment}`;
}

/** A run that was just taken. */
export function activeRun(assign: control.Assign, nowMs: number, lifeMs: number, killAtEndOfLife: boolean): ActiveRun {
  const { runId, assignment, owner } = assign;
  return {
    assign,
    handing: { partition: owner!.partition, runId, assignment },
    assignment: { runId, number: assignment },
    killAtEndOfLife,
    takenMs: nowMs,
    untilMs: nowMs + lifeMs,
    source: undefined,
  };
}

/** Whose lines a run's log lines are. */
export function logSource({ handing, assign }: ActiveRun, environment: Environment): LogSource {
  const { projectId, workflowId } = assign.spec!;
  return { handing, projectId, workflowId, secrets: environment.secrets };
}

/** What a worker is told to start a run. */
export function startRun(run: ActiveRun, environment: Environment, nowMs: number): session.StartRun {
  const { assign } = run;
  const input = assign.input!;
  return {
    assignment: run.assignment,
    versionId: assign.spec!.versionId,
    eventJson: input.eventJson,
    eventFallsBackToBody: input.eventFallsBackToBody,
    contextJson: input.contextJson,
    doneSteps: assign.doneSteps,
    environment: environment.variables,
    runTimeLeft: toDuration(assign.runTimeLeftMs - (nowMs - run.takenMs)),
    life: toDuration(run.untilMs - nowMs),
    killAtEndOfLife: run.killAtEndOfLife,
    traceParent: assign.traceParent,
    resumed: assign.doneSteps.length > 0 || assign.assignment > 1,
  };
}

/** Never zero, which would leave the worker's default in place. */
export function toDuration(ms: number): { seconds: number; nanos: number } {
  const whole = Math.max(1, Math.round(ms));
  return { seconds: Math.floor(whole / 1000), nanos: (whole % 1000) * 1_000_000 };
}

/** Takes the project's secrets out of what people read of a step's end. */
export function maskResult(result: step.StepResult, { secrets }: LogSource): void {
  if (secrets.isEmpty) return;
  const { failure, exit } = result;
  if (failure !== undefined) {
    failure.type = secrets.mask(failure.type);
    failure.message = secrets.mask(failure.message);
    failure.traceback = secrets.mask(failure.traceback);
  }
  if (exit !== undefined) exit.reason = secrets.mask(exit.reason);
}
