import { PlatformError, type ParentRun, type RunState, type StepRunState } from "@millrace/core";
import { runApi } from "@millrace/protocol";
import type { RunRecord, RunSummary, StepAttempt, StepPause, StepRunRecord, WorkflowRecord } from "@millrace/store";
import { runNameOf } from "./resource-names.ts";
import type { ShownRun } from "./run-values.ts";

/** A run without its steps, as the API shows it. */
export function toRunSummary(run: RunSummary): runApi.Run {
  return {
    name: runNameOf(run.workflowId, run.id),
    id: run.id,
    state: runApi.RunState[run.state],
    exitReason: run.exitReason,
    failure: run.failure === null ? undefined : toFailure(run.failure),
    steps: [],
    workflow: `workflows/${run.workflowId}`,
    workflowDisplayName: run.workflowName,
    // Those that tests of drafts are made of have numbers below 0, which are nobody's.
    version: Math.max(0, run.versionNumber),
    versionId: run.versionId,
    triggerKind: run.triggerKind,
    traceId: run.traceId,
    replayOf: "",
    createTime: new Date(run.createTimeMs),
    startTime: toTime(run.startTimeMs),
    endTime: toTime(run.endTimeMs),
    eventJson: "",
    largeValues: [],
    pause: run.wakeTimeMs === null ? undefined : { ...UNKNOWN_PAUSE, wakeTime: new Date(run.wakeTimeMs) },
    parentRun: "",
    wait: undefined,
    priority: run.priority,
    replayStep: "",
  };
}

/** What lists do not tell of a pause. */
const UNKNOWN_PAUSE = { step: "", kind: runApi.PauseKind.UNSPECIFIED, cancels: false, childRun: "" };

/** A run with all of its steps. */
export function toRun({ record: run, large }: ShownRun, failedFile: string): runApi.Run {
  const summary = toRunSummary(run);
  const {
    replay_of: replayOf,
    replay_step: replayStep,
    parent,
  } = parseContext(run.input.contextJson) as { replay_of?: unknown; replay_step?: unknown; parent?: ParentRun };
  return {
    ...summary,
    failure: summary.failure && { ...summary.failure, file: failedFile },
    steps: run.steps.map((step) => toStep(step, run.workflowId)),
    largeValues: [...large],
    pause: summary.pause && toPause(run, summary.pause),
    parentRun: parent === undefined ? "" : runNameOf(parent.workflow_id, parent.run),
    replayOf: typeof replayOf === "string" ? runNameOf(run.workflowId, replayOf) : "",
    replayStep: typeof replayStep === "string" ? replayStep : "",
  };
}

/** The pause that a run is in: that of its newest step. */
function toPause({ steps }: RunRecord, known: runApi.RunPause): runApi.RunPause {
  const paused = steps.findLast(({ result }) => result?.pause);
  const pause = paused?.result?.pause;
  if (!paused || !pause) return known;
  const { kind, onTimeout, child } = pause;
  return {
    ...known,
    step: paused.name,
    kind: runApi.PauseKind[kind],
    cancels: onTimeout === "CANCEL",
    childRun: child === undefined ? "" : runNameOf(child.workflowId, child.runId),
  };
}

/** A run that was accepted just now, without asking the database for what is known already. */
export function toAcceptedRun(
  runId: string,
  workflow: WorkflowRecord,
  start: { triggerKind: string; traceId: string; createTimeMs: number; priority: number },
): runApi.Run {
  return toRunSummary({
    id: runId,
    partition: 0,
    projectId: workflow.projectId,
    workflowId: workflow.id,
    workflowName: workflow.name,
    versionId: workflow.version?.id ?? "",
    versionNumber: workflow.version?.number ?? 0,
    state: "PENDING",
    assignment: 0,
    startTimeMs: null,
    endTimeMs: null,
    wakeTimeMs: null,
    exitReason: "",
    failure: null,
    ...start,
  });
}

/** The context that the house itself wrote when the run was submitted. */
export function parseContext(contextJson: Uint8Array): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(contextJson).toString("utf8")) as Record<string, unknown>;
}

const STATES: readonly RunState[] = ["PENDING", "RUNNING", "SUSPENDED", "SUCCEEDED", "FAILED", "CANCELLED"];

/** The states that a filter names; none for all. Throws `INVALID_STATE` for one that no run is ever in. */
export function statesOf(states: readonly runApi.RunState[]): RunState[] {
  return states
    .filter((state) => state !== runApi.RunState.UNSPECIFIED)
    .map((state) => {
      const name = STATES.find((one) => runApi.RunState[one] === state);
      if (name !== undefined) return name;
      throw new PlatformError("InvalidArgument", "INVALID_STATE", `no run is ever in state ${state}`);
    });
}

function toFailure(failure: NonNullable<RunSummary["failure"]>): runApi.RunFailure {
  const { step, line, type, message, traceback } = failure;
  return { step, line, type, message, traceback, file: "" };
}

function toStep(step: StepRunRecord, workflowId: string): runApi.StepRun {
  const { name, path, state, result, runs, attempts, leftOut, pause } = step;
  const exports = result === null ? "" : toText(result.exportsJson);
  return {
    name,
    path,
    state: toStepState(state),
    exportsJson: exports === "" ? "{}" : exports,
    returnValueJson: result?.returnValueJson && toText(result.returnValueJson),
    startTime: toTime(result?.startTimeMs ?? null),
    endTime: toTime(result?.endTimeMs ?? null),
    runs,
    resumeJson: result?.resumption === undefined ? "" : toText(result.resumption.dataJson),
    takenOverFrom: result?.takenFrom === undefined ? "" : runNameOf(workflowId, result.takenFrom),
    peakMemoryBytes: result?.peakMemoryBytes ?? 0,
    attempts: attempts.map(toAttempt),
    attemptsLeftOut: leftOut,
    pause: pause === null ? undefined : toStepPause(pause),
    answer: result?.response && {
      status: result.response.status,
      headers: result.response.headers.map(({ name: header, value }) => ({ name: header, value })),
      body: Buffer.from(result.response.body),
    },
  };
}

function toAttempt({ startTimeMs, endTimeMs, outcome, ...attempt }: StepAttempt): runApi.StepAttempt {
  const times = { startTime: toTime(startTimeMs), endTime: toTime(endTimeMs) };
  return { ...attempt, ...times, outcome: runApi.StepAttemptOutcome[outcome] };
}

function toStepPause({ kind, startTimeMs, wakeTimeMs, endTimeMs }: StepPause): runApi.StepPause {
  const [startTime, wakeTime, endTime] = [startTimeMs, wakeTimeMs, endTimeMs].map(toTime);
  return { kind: runApi.PauseKind[kind], startTime, wakeTime, endTime };
}

function toStepState(state: StepRunState): runApi.RunState {
  return runApi.RunState[state];
}

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

function toTime(timeMs: number | null): Date | undefined {
  return timeMs === null ? undefined : new Date(timeMs);
}
