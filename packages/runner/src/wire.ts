/**
 * Between the runner's brain, which has words of its own, and the messages on the wire. What the brain only passes on (an
 * assignment's input, a step's result) stays as it came: the wire's message rides along, and nothing is encoded twice.
 */
import { PlatformError, type RunSpec, type StepResponse, type StepResult, type messages } from "@millrace/core";
import { control, session, step } from "@millrace/protocol";

/** An assignment as the brain sees it, with the message that it came in. */
export interface WiredAssign extends messages.Assign {
  readonly wire: control.Assign;
}

/** A step's result as the brain sees it, with the message that it came in. */
export interface WiredResult extends StepResult {
  readonly wire: step.StepResult;
}

const NOTHING = Buffer.alloc(0);

/** Reads an assignment. Throws `MALFORMED_MESSAGE` when a part is missing that every owner sends. */
export function fromAssign(wire: control.Assign): WiredAssign {
  const { owner, spec, input, runId, assignment, runnerIncarnation, stampMs, gateway, runTimeLeftMs } = wire;
  if (owner === undefined || spec === undefined || input === undefined) throw malformed("assign");
  return {
    wire,
    owner,
    runId,
    assignment,
    runnerIncarnation,
    stampMs,
    gateway,
    runTimeLeftMs,
    spec: spec satisfies RunSpec,
    input: { ...input, createTimeMs: input.createTime?.getTime() ?? 0 },
    // The brain does not look at them; a worker gets those of the message.
    doneSteps: [],
  };
}

/** Reads a renewal. */
export function fromRenew(wire: control.Renew): messages.Renew {
  return wire;
}

const AFTER_COMMIT: Readonly<Record<control.AfterCommit, messages.AfterCommit | undefined>> = {
  [control.AfterCommit.UNSPECIFIED]: undefined,
  [control.AfterCommit.NEXT]: "NEXT",
  [control.AfterCommit.END]: "END",
  [control.AfterCommit.SUSPEND]: "SUSPEND",
};

/** Reads the news of a commit. */
export function fromCommitted(wire: control.Committed): messages.Committed {
  const { owner, handing, runnerIncarnation, path } = wire;
  const then = AFTER_COMMIT[wire.then];
  if (owner === undefined || handing === undefined || then === undefined) throw malformed("committed");
  return { owner, handing, runnerIncarnation, path, then };
}

const FAILURE_CAUSES: Readonly<Record<step.FailureCause, NonNullable<StepResult["failure"]>["cause"]>> = {
  [step.FailureCause.UNSPECIFIED]: "EXCEPTION",
  [step.FailureCause.EXCEPTION]: "EXCEPTION",
  [step.FailureCause.STEP_TIMEOUT]: "STEP_TIMEOUT",
  [step.FailureCause.RUN_TIMEOUT]: "RUN_TIMEOUT",
  [step.FailureCause.OUT_OF_MEMORY]: "OUT_OF_MEMORY",
  [step.FailureCause.PROCESS_EXITED]: "PROCESS_EXITED",
  [step.FailureCause.PROCESS_KILLED]: "PROCESS_KILLED",
  [step.FailureCause.PAYLOAD_TOO_LARGE]: "PAYLOAD_TOO_LARGE",
  [step.FailureCause.POISON]: "POISON",
};

/** Reads what a step produced. */
export function fromResult(wire: step.StepResult): WiredResult {
  const { path, name, executionId, exportsJson, returnValueJson, response, exit, failure, pause } = wire;
  return {
    wire,
    path,
    name,
    executionId,
    exportsJson,
    returnValueJson,
    response,
    exit,
    failure: failure && { ...failure, cause: FAILURE_CAUSES[failure.cause] ?? "EXCEPTION" },
    pause: pause && { wakeTimeMs: pause.wakeTime?.getTime() ?? 0 },
    startTimeMs: wire.startTime?.getTime() ?? 0,
    endTimeMs: wire.endTime?.getTime() ?? 0,
    lastLogSequence: wire.lastLogSequence,
  };
}

/** A step's report for its owner. */
export function toCheckpoint({ handing, runner, runnerIncarnation, result }: messages.Checkpoint): control.Checkpoint {
  return { handing, runner, runnerIncarnation, result: (result as WiredResult).wire };
}

/** What stands in for a result that no message can carry. */
export function tooLargeResult(wire: step.StepResult, message: string): step.StepResult {
  const cause = step.FailureCause.PAYLOAD_TOO_LARGE;
  const failure: step.StepFailure = { cause, type: "PayloadTooLarge", message, traceback: "", line: 0 };
  return {
    ...wire,
    exportsJson: NOTHING,
    returnValueJson: undefined,
    response: undefined,
    exit: undefined,
    pause: undefined,
    failure,
  };
}

const GONE_CAUSES: Readonly<Record<session.GoneCause, messages.GoneCause>> = {
  [session.GoneCause.UNSPECIFIED]: "ENVIRONMENT_DIED",
  [session.GoneCause.ENDED]: "ENDED",
  [session.GoneCause.KILLED]: "KILLED",
  [session.GoneCause.EXPIRED]: "EXPIRED",
  [session.GoneCause.REFUSED]: "REFUSED",
  [session.GoneCause.ENVIRONMENT_DIED]: "ENVIRONMENT_DIED",
  [session.GoneCause.WORKER_DIED]: "WORKER_DIED",
};

/** Reads why a worker no longer has a run. */
export function fromGoneCause(cause: session.GoneCause): messages.GoneCause {
  return GONE_CAUSES[cause] ?? "ENVIRONMENT_DIED";
}

/** A heartbeat for the schedulers. */
export function toHeartbeat(beat: messages.Heartbeat): control.Heartbeat {
  return {
    ...beat,
    pythonMinors: [...beat.pythonMinors],
    held: [...beat.held],
    gone: beat.gone.map(({ handing, cause }) => ({ handing, cause: session.GoneCause[cause] })),
    warmVersions: [...beat.warmVersions],
  };
}

/** An answer for a waiting gateway. */
export function toAnswer({ handing, path, executionId, response }: messages.Answer): control.Answer {
  return { handing, path, executionId, response: toResponse(response) };
}

function toResponse({ status, headers, body, immediate }: StepResponse): step.Response {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return { status, headers: [...headers], body: bytes, immediate };
}

function malformed(kind: string): PlatformError {
  return new PlatformError("InvalidArgument", "MALFORMED_MESSAGE", `a message of kind ${kind} lacks a part`);
}
