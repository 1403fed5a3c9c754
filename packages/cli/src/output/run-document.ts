import { runApi } from "@millrace/protocol";
import { parseVerbatim } from "./verbatim-json.ts";

/** A log line as `--json` prints it. */
export interface LogDocument {
  readonly time: string | null;
  /** `stdout`, `stderr`, `error` for the failure of a step, `system` for what the platform says. */
  readonly stream: string;
  readonly text: string;
}

/** A step of a run as `--json` prints it. */
export interface StepDocument {
  readonly name: string;
  readonly state: string;
  readonly exports: unknown;
  readonly returnValue: unknown;
  readonly startTime: string | null;
  readonly endTime: string | null;
  readonly answer: { readonly status: number; readonly headers: readonly { name: string; value: string }[] } | null;
  /** Which execution of the step this is: more than 1 after `pd.flow.rerun`, 0 before the first has ended. */
  readonly runs: number;
  /** What ended its pause: `$resume_data`, `$child`; null without any. */
  readonly resume: unknown;
  /** Its attempts that are over; some in the middle may be left out. */
  readonly attempts: readonly AttemptDocument[];
  readonly attemptsLeftOut: number;
  /** How it has paused the run in its newest execution; null when it has not. */
  readonly pause: StepPauseDocument | null;
  readonly logs: readonly LogDocument[];
}

/** One try of a step as `--json` prints it. */
export interface AttemptDocument {
  readonly number: number;
  /** Which execution of the step it was a try of. */
  readonly execution: number;
  readonly assignment: number;
  /** `SUCCEEDED`, `FAILED`, `ENVIRONMENT_DIED`, `WORKER_DIED`, `RUNNER_LOST`, `EXPIRED`, `CANCELLED`. */
  readonly outcome: string;
  /** Null when it is not known, as of one that came to an end. */
  readonly runner: string | null;
  readonly startTime: string | null;
  readonly endTime: string | null;
}

/** A pause behind a step as `--json` prints it. */
export interface StepPauseDocument {
  /** `DELAY`, `SUSPEND`, `RERUN`, `CHILD`. */
  readonly kind: string;
  readonly startTime: string | null;
  /** When the run was to go on, or to be cancelled. */
  readonly until: string | null;
  /** Null as long as it lasts. */
  readonly endTime: string | null;
}

/** A run without its steps, as `--json` prints it in lists. */
export interface RunSummaryDocument {
  readonly id: string;
  readonly workflow: string;
  readonly workflowId: string;
  readonly version: number;
  readonly versionId: string;
  readonly state: string;
  readonly exitReason: string | null;
  readonly failure: FailureDocument | null;
  readonly trigger: string;
  readonly traceId: string;
  readonly replayOf: string | null;
  readonly pause: PauseDocument | null;
  readonly createTime: string | null;
  readonly startTime: string | null;
  readonly endTime: string | null;
}

/** A pause as `--json` prints it; in lists only its end is known. */
export interface PauseDocument {
  readonly until: string | null;
  readonly step: string;
  /** `DELAY`, `SUSPEND`, `RERUN`, `CHILD`. */
  readonly kind: string;
  /** Whether the run is cancelled then. */
  readonly cancels: boolean;
  readonly childRun: string | null;
}

export interface FailureDocument {
  readonly step: string;
  readonly file: string;
  readonly line: number;
  readonly type: string;
  readonly message: string;
  readonly traceback: string;
}

/** A run with everything that is known about it, as `--json` prints it. */
export interface RunDocument extends RunSummaryDocument {
  /** Why it does not start; null when nothing keeps it. */
  readonly wait: { readonly reason: string; readonly message: string } | null;
  readonly event: unknown;
  readonly steps: readonly StepDocument[];
  /** Lines that belong to no step. */
  readonly logs: readonly LogDocument[];
  /** Values that are left out because they are too large. */
  readonly largeValues: readonly LargeValueDocument[];
}

/** A value that `millrace value` writes out. */
export interface LargeValueDocument {
  /** `event`, `exports`, `return_value` or `answer`. */
  readonly kind: string;
  /** Null for the event. */
  readonly step: string | null;
  readonly bytes: number;
}

/** Name of a state, such as `SUCCEEDED`. */
export function stateName(state: runApi.RunState): string {
  return nameIn(runApi.RunState, state);
}

/** Name of a log line's stream, such as `stdout`. */
export function streamName(stream: runApi.LogStream): string {
  return nameIn(runApi.LogStream, stream).toLowerCase();
}

/** Name of what came of an attempt, such as `WORKER_DIED`. */
export function outcomeName(outcome: runApi.StepAttemptOutcome): string {
  return nameIn(runApi.StepAttemptOutcome, outcome);
}

function nameIn(names: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(names).find((name) => names[name] === value) ?? "UNSPECIFIED";
}

/** Whether a run in this state has come to its end. */
export function isEnd(state: runApi.RunState): boolean {
  const { SUCCEEDED, FAILED, CANCELLED } = runApi.RunState;
  return state === SUCCEEDED || state === FAILED || state === CANCELLED;
}

/** The last part of a resource's name: `workflows/<id>` → `<id>`. */
export function lastPart(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

export function runSummaryDocument(run: runApi.Run): RunSummaryDocument {
  return {
    id: run.id,
    workflow: run.workflowDisplayName,
    workflowId: lastPart(run.workflow),
    version: run.version,
    versionId: run.versionId,
    state: stateName(run.state),
    exitReason: run.exitReason || null,
    failure: run.failure === undefined ? null : failureDocument(run.failure),
    trigger: run.triggerKind,
    traceId: run.traceId,
    replayOf: run.replayOf === "" ? null : lastPart(run.replayOf),
    pause: run.pause === undefined ? null : pauseDocument(run.pause),
    createTime: timeText(run.createTime),
    startTime: timeText(run.startTime),
    endTime: timeText(run.endTime),
  };
}

function pauseDocument({ wakeTime, step, kind, cancels, childRun }: runApi.RunPause): PauseDocument {
  const name = nameIn(runApi.PauseKind, kind);
  return {
    until: timeText(wakeTime),
    step,
    kind: name,
    cancels,
    childRun: childRun === "" ? null : lastPart(childRun),
  };
}

function failureDocument({ step, file, line, type, message, traceback }: runApi.RunFailure): FailureDocument {
  return { step, file, line, type, message, traceback };
}

/** Puts a run and its log lines together; every step of the version is listed, with its own lines. */
export function runDocument(run: runApi.Run, entries: readonly runApi.LogEntry[]): RunDocument {
  const ofStep = Map.groupBy(entries, (entry) => placeOf(entry.stepPath));
  const known = new Set(run.steps.map((step) => placeOf(step.path)));
  return {
    ...runSummaryDocument(run),
    wait: run.wait === undefined ? null : { reason: run.wait.reason, message: run.wait.message },
    event: run.eventJson === "" ? null : parseVerbatim(run.eventJson),
    steps: run.steps.map((step) => stepDocument(step, ofStep.get(placeOf(step.path)) ?? [])),
    logs: entries.filter((entry) => !known.has(placeOf(entry.stepPath))).map(logDocument),
    largeValues: run.largeValues.map(({ kind, path, size }) => ({
      kind: nameIn(runApi.RunValueKind, kind).toLowerCase(),
      step: run.steps.find((step) => step.path === path)?.name ?? null,
      bytes: size,
    })),
  };
}

/** The address of a step, whichever of its executions is meant. */
function placeOf(path: string): string {
  return path.replace(/\/runs\/\d+$/, "");
}

function stepDocument(step: runApi.StepRun, entries: readonly runApi.LogEntry[]): StepDocument {
  return {
    name: step.name,
    state: stateName(step.state),
    exports: parseVerbatim(step.exportsJson || "{}"),
    returnValue: step.returnValueJson === undefined ? null : parseVerbatim(step.returnValueJson),
    startTime: timeText(step.startTime),
    endTime: timeText(step.endTime),
    answer: step.answer === undefined ? null : { status: step.answer.status, headers: step.answer.headers },
    runs: step.runs,
    resume: step.resumeJson === "" ? null : parseVerbatim(step.resumeJson),
    attempts: step.attempts.map(attemptDocument),
    attemptsLeftOut: step.attemptsLeftOut,
    pause: step.pause === undefined ? null : stepPauseDocument(step.pause),
    logs: entries.map(logDocument),
  };
}

function attemptDocument({ number, execution, assignment, ...attempt }: runApi.StepAttempt): AttemptDocument {
  const { outcome, runner, startTime, endTime } = attempt;
  return {
    ...{ number, execution, assignment, outcome: outcomeName(outcome), runner: runner || null },
    ...{ startTime: timeText(startTime), endTime: timeText(endTime) },
  };
}

function stepPauseDocument({ kind, startTime, wakeTime, endTime }: runApi.StepPause): StepPauseDocument {
  const times = { startTime: timeText(startTime), until: timeText(wakeTime), endTime: timeText(endTime) };
  return { kind: nameIn(runApi.PauseKind, kind), ...times };
}

export function logDocument(entry: runApi.LogEntry): LogDocument {
  return { time: timeText(entry.time), stream: streamName(entry.stream), text: entry.text };
}

export function timeText(time: Date | undefined): string | null {
  return time === undefined ? null : time.toISOString();
}
