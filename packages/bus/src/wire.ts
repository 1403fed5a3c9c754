/**
 * Converts the messages of `core` to and from the wire. Payloads of users stay the bytes that they are; texts that
 * people read lose NUL characters here, since the record cannot hold them.
 */
import {
  PlatformError,
  type ChildStart,
  type FailureCause,
  type messages,
  type Pause,
  type PauseKind,
  type RunInput,
  type RunSpec,
  type RunState,
  type StepResponse,
  type StepResult,
  type TmpSnapshot,
} from "@millrace/core";
import * as control from "@millrace/protocol/control";
import * as session from "@millrace/protocol/session";
import * as step from "@millrace/protocol/step";

/** A name ↔ number table of one enum; unknown numbers become undefined. */
function enumTable<Name extends string>(numbers: Record<Name, number>) {
  const names = new Map(Object.entries(numbers).map(([name, number]) => [number as number, name as Name]));
  return {
    toWire: (name: Name): number => numbers[name],
    fromWire: (number: number): Name | undefined => names.get(number),
  };
}

const { UNSPECIFIED: _noState, ...RUN_STATES } = control.RunState;
const { UNSPECIFIED: _noCause, ...FAILURE_CAUSES } = step.FailureCause;
const { UNSPECIFIED: _noGone, ...GONE_CAUSES } = session.GoneCause;
const { UNSPECIFIED: _noOutcome, ...OUTCOMES } = control.SubmitOutcome;
const { UNSPECIFIED: _noAfter, ...AFTER_COMMITS } = control.AfterCommit;
const { UNSPECIFIED: _noPause, ...PAUSE_KINDS } = step.PauseKind;
const { UNSPECIFIED: _noTimeout, ...PAUSE_TIMEOUTS } = step.PauseTimeout;
const { UNSPECIFIED: _noAction, ...RESUME_ACTIONS } = control.ResumeAction;
const { UNSPECIFIED: _noEnd, ...RESUME_OUTCOMES } = control.ResumeOutcome;

const runStates = enumTable<RunState>(RUN_STATES);
const failureCauses = enumTable<FailureCause>(FAILURE_CAUSES);
const goneCauses = enumTable<messages.GoneCause>(GONE_CAUSES);
const submitOutcomes = enumTable<messages.SubmitOutcome>(OUTCOMES);
const afterCommits = enumTable<messages.AfterCommit>(AFTER_COMMITS);
const pauseKinds = enumTable<PauseKind>(PAUSE_KINDS);
const pauseTimeouts = enumTable<Pause["onTimeout"]>(PAUSE_TIMEOUTS);
const resumeActions = enumTable<messages.ResumeAction>(RESUME_ACTIONS);
const resumeOutcomes = enumTable<messages.ResumeOutcome>(RESUME_OUTCOMES);

/** A required part of a message. Throws `INCOMPLETE_MESSAGE`: the sender speaks another language. */
function required<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new PlatformError("InvalidArgument", "INCOMPLETE_MESSAGE", `a message lacks ${name}`);
  return value;
}

function printable(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "\ufffd") : text;
}

// Parts

export function specToWire(spec: RunSpec): control.RunSpec {
  return { ...spec, stepNames: [...spec.stepNames], labels: [...(spec.labels ?? [])] };
}

export function inputToWire({ createTimeMs, ...input }: RunInput): control.RunInput {
  return {
    ...input,
    eventJson: asBuffer(input.eventJson),
    contextJson: asBuffer(input.contextJson),
    createTime: new Date(createTimeMs),
  };
}

export function inputFromWire({ createTime, ...input }: control.RunInput): RunInput {
  return { ...input, createTimeMs: required(createTime, "create_time").getTime() };
}

export function responseToWire(response: StepResponse): step.Response {
  const { headers, body, bodyIsReference = false } = response;
  return { ...response, headers: [...headers], body: asBuffer(body), bodyIsReference };
}

function tmpToWire({ content, unsaved }: TmpSnapshot): step.TmpSnapshot {
  return { content: asBuffer(content), unsaved };
}

export function resultToWire(result: StepResult): step.StepResult {
  const { pause, failure, response, startTimeMs, endTimeMs, exportsJson, returnValueJson, children, tmp, ...rest } =
    result;
  return {
    ...rest,
    peakMemoryBytes: rest.peakMemoryBytes ?? 0,
    exportsJson: asBuffer(exportsJson),
    returnValueJson: returnValueJson && asBuffer(returnValueJson),
    response: response && responseToWire(response),
    tmp: tmp && tmpToWire(tmp),
    failure: failure && { ...failure, cause: failureCauses.toWire(failure.cause) as step.FailureCause },
    pause: pause && pauseToWire(pause),
    children: (children ?? []).map(({ callTimeMs, eventJson, ...child }) => ({
      ...child,
      eventJson: asBuffer(eventJson),
      callTime: new Date(callTimeMs),
    })),
    startTime: new Date(startTimeMs),
    endTime: new Date(endTimeMs),
  };
}

export function resultFromWire(result: step.StepResult): StepResult {
  const { pause, failure, exit, startTime, endTime, children, peakMemoryBytes, ...rest } = result;
  return {
    ...rest,
    ...(peakMemoryBytes > 0 && { peakMemoryBytes }),
    exit: exit && { reason: printable(exit.reason) },
    failure: failure && failureFromWire(failure),
    pause: pause && pauseFromWire(pause),
    ...(children.length > 0 && { children: children.map(childFromWire) }),
    startTimeMs: required(startTime, "start_time").getTime(),
    endTimeMs: required(endTime, "end_time").getTime(),
  };
}

function pauseToWire({ wakeTimeMs, kind, onTimeout, child: _known, ...pause }: Pause): step.Pause {
  return {
    ...pause,
    contextJson: asBuffer(pause.contextJson),
    wakeTime: new Date(wakeTimeMs),
    kind: pauseKinds.toWire(kind) as step.PauseKind,
    onTimeout: pauseTimeouts.toWire(onTimeout) as step.PauseTimeout,
  };
}

function pauseFromWire({ wakeTime, kind, onTimeout, ...pause }: step.Pause): Pause {
  return {
    ...pause,
    wakeTimeMs: required(wakeTime, "wake_time").getTime(),
    kind: pauseKinds.fromWire(kind) ?? "DELAY",
    onTimeout: pauseTimeouts.fromWire(onTimeout) ?? "RESUME",
  };
}

function childFromWire({ callTime, workflowName, ...child }: step.ChildStart): ChildStart {
  return { ...child, workflowName: printable(workflowName), callTimeMs: required(callTime, "call_time").getTime() };
}

function failureFromWire(failure: step.StepFailure) {
  return {
    cause: failureCauses.fromWire(failure.cause) ?? "EXCEPTION",
    type: printable(failure.type),
    message: printable(failure.message),
    traceback: printable(failure.traceback),
    line: failure.line,
  };
}

export function goneCauseFromWire(cause: session.GoneCause): messages.GoneCause {
  return goneCauses.fromWire(cause) ?? "KILLED";
}

// Gateways and owners

export function submitToWire(message: messages.Submit): control.Submit {
  const takenOver = (message.takenOver ?? []).map(takenToWire);
  return { ...message, takenOver, spec: specToWire(message.spec), input: inputToWire(message.input) };
}

export function submitFromWire({ takenOver, ...message }: control.Submit): messages.Submit {
  return {
    ...message,
    spec: required(message.spec, "spec"),
    input: inputFromWire(required(message.input, "input")),
    ...(takenOver.length > 0 && { takenOver: takenOver.map(takenFromWire) }),
  };
}

function takenToWire(taken: StepResult): control.TakenStep {
  const { path, name, executionId, exportsJson, returnValueJson, startTimeMs, endTimeMs, tmp, takenFrom = "" } = taken;
  return {
    ...{ path, name, executionId, runId: takenFrom },
    exportsJson: asBuffer(exportsJson),
    returnValueJson: returnValueJson && asBuffer(returnValueJson),
    startTime: new Date(startTimeMs),
    endTime: new Date(endTimeMs),
    tmp: tmp && tmpToWire(tmp),
  };
}

function takenFromWire({ startTime, endTime, runId, ...taken }: control.TakenStep): StepResult {
  return {
    ...taken,
    takenFrom: runId,
    startTimeMs: required(startTime, "start_time").getTime(),
    endTimeMs: required(endTime, "end_time").getTime(),
    lastLogSequence: 0,
  };
}

export function acceptedToWire(message: messages.Accepted): control.Accepted {
  return { ...message, outcome: submitOutcomes.toWire(message.outcome) as control.SubmitOutcome };
}

export function acceptedFromWire(message: control.Accepted): messages.Accepted {
  const outcome = submitOutcomes.fromWire(message.outcome) ?? "UNAVAILABLE";
  return { ...message, owner: required(message.owner, "owner"), outcome };
}

export function releaseToWire(message: messages.Release): control.Release {
  return { ...message, response: message.response && responseToWire(message.response) };
}

export function releaseFromWire(message: control.Release): messages.Release {
  return { ...message, owner: required(message.owner, "owner") };
}

export function reassignedFromWire(message: control.Reassigned): messages.Reassigned {
  return { ...message, owner: required(message.owner, "owner") };
}

export function endedToWire(message: messages.Ended): control.Ended {
  return { ...message, state: runStates.toWire(message.state) as control.RunState };
}

export function endedFromWire(message: control.Ended): messages.Ended {
  const state = required(runStates.fromWire(message.state), "state");
  return { ...message, owner: required(message.owner, "owner"), state };
}

export function cancelFromWire(message: control.Cancel): messages.Cancel {
  return { ...message, reason: printable(message.reason) };
}

export function cancelledToWire({ state, ...message }: messages.Cancelled): control.Cancelled {
  return { ...message, state: (state === undefined ? 0 : runStates.toWire(state)) as control.RunState };
}

export function cancelledFromWire(message: control.Cancelled): messages.Cancelled {
  return { ...message, owner: required(message.owner, "owner"), state: runStates.fromWire(message.state) };
}

export function resumeToWire(message: messages.Resume): control.Resume {
  const action = resumeActions.toWire(message.action) as control.ResumeAction;
  return { ...message, action, dataJson: asBuffer(message.dataJson) };
}

export function resumeFromWire(message: control.Resume): messages.Resume {
  const action = required(resumeActions.fromWire(message.action), "action");
  return { ...message, action, reason: printable(message.reason) };
}

export function resumedToWire({ state, outcome, ...message }: messages.Resumed): control.Resumed {
  return {
    ...message,
    outcome: resumeOutcomes.toWire(outcome) as control.ResumeOutcome,
    state: (state === undefined ? 0 : runStates.toWire(state)) as control.RunState,
  };
}

export function resumedFromWire(message: control.Resumed): messages.Resumed {
  const outcome = required(resumeOutcomes.fromWire(message.outcome), "outcome");
  return { ...message, owner: required(message.owner, "owner"), outcome, state: runStates.fromWire(message.state) };
}

export function answerToWire(message: messages.Answer): control.Answer {
  return { ...message, response: responseToWire(message.response) };
}

export function answerFromWire(message: control.Answer): messages.Answer {
  return {
    ...message,
    handing: required(message.handing, "handing"),
    response: required(message.response, "response"),
  };
}

// Owners and runners

/** What the scheduler adds to an `Assign` beside its brain's decision. */
export interface AssignExtras {
  readonly runToken: string;
  readonly seal: Buffer;
  readonly traceParent: string;
}

export function assignToWire({ doneSteps, tmp, ...message }: messages.Assign, extras: AssignExtras): control.Assign {
  return {
    ...message,
    ...extras,
    spec: specToWire(message.spec),
    input: inputToWire(message.input),
    tmp: tmp && tmpToWire(tmp),
    doneSteps: doneSteps.map(({ path, name, exportsJson, returnValueJson, resumption }) => ({
      path,
      name,
      exportsJson: asBuffer(exportsJson),
      returnValueJson: returnValueJson && asBuffer(returnValueJson),
      resumeJson: resumption && asBuffer(resumption.dataJson),
    })),
    turn: message.turn && {
      ...message.turn,
      contextJson: asBuffer(message.turn.contextJson),
      resumeJson: asBuffer(message.turn.resumeJson),
    },
  };
}

/** The runner's brain has no use for the done steps and the turn: they go on to the worker as they came. */
export function assignFromWire(
  message: control.Assign,
): messages.Assign &
  AssignExtras & { readonly wireSteps: session.DoneStep[]; readonly wireTurn: session.Turn | undefined } {
  const { doneSteps, spec, input, owner, turn, ...rest } = message;
  return {
    ...rest,
    owner: required(owner, "owner"),
    spec: required(spec, "spec"),
    input: inputFromWire(required(input, "input")),
    doneSteps: [],
    wireSteps: doneSteps,
    wireTurn: turn,
  };
}

export function refusedFromWire(message: control.Refused): messages.Refused {
  return { ...message, handing: required(message.handing, "handing") };
}

export function heartbeatToWire(message: messages.Heartbeat): control.Heartbeat {
  return {
    ...message,
    pythonMinors: [...message.pythonMinors],
    held: [...message.held],
    labels: [...message.labels],
    offers: [...message.offers],
    gone: message.gone.map(({ handing, cause }) => ({ handing, cause: goneCauses.toWire(cause) as session.GoneCause })),
    warmVersions: [...message.warmVersions],
    starting: message.starting ?? false,
    memoryBytes: message.memoryBytes ?? 0,
    coldStarts: message.coldStarts ?? 0,
    crowded: message.crowded ?? false,
  };
}

export function heartbeatFromWire(message: control.Heartbeat): messages.Heartbeat {
  return {
    ...message,
    held: message.held.map((held) => ({ ...held, handing: required(held.handing, "handing") })),
    gone: message.gone.map(({ handing, cause }) => ({
      handing: required(handing, "handing"),
      cause: goneCauseFromWire(cause),
    })),
  };
}

export function renewToWire(message: messages.Renew): control.Renew {
  const { owners, renew, kill, demand } = message;
  return { ...message, owners: [...owners], renew: [...renew], kill: [...kill], demand: [...demand] };
}

export function partitionsReleasedToWire({ releases }: messages.PartitionsReleased): control.PartitionsReleased {
  return {
    releases: releases.map((one) => ({
      ...one,
      runIds: [...one.runIds],
      runners: [...one.runners],
      places: [...one.places],
    })),
  };
}

export function partitionsReleasedFromWire({ releases }: control.PartitionsReleased): messages.PartitionsReleased {
  return {
    releases: releases.map(({ owner, places, ...rest }) => ({
      ...rest,
      owner: required(owner, "owner"),
      places: places.map(({ workflowId, handing }) => ({ workflowId, handing: required(handing, "handing") })),
    })),
  };
}

export function checkpointToWire(message: messages.Checkpoint): control.Checkpoint {
  return { ...message, result: resultToWire(message.result) };
}

export function checkpointFromWire(message: control.Checkpoint): messages.Checkpoint {
  return {
    ...message,
    handing: required(message.handing, "handing"),
    result: resultFromWire(required(message.result, "result")),
  };
}

export function committedToWire(message: messages.Committed): control.Committed {
  return { ...message, then: afterCommits.toWire(message.then) as control.AfterCommit };
}

export function committedFromWire(message: control.Committed): messages.Committed {
  const then = required(afterCommits.fromWire(message.then), "then");
  return { ...message, owner: required(message.owner, "owner"), handing: required(message.handing, "handing"), then };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
