import { runApi, step, type control } from "@millrace/protocol";
import type { LogRecord, LogStreamName } from "@millrace/store";
import type { LogGap } from "./log-gaps.ts";
import { runNameOf } from "./resource-names.ts";

/** The run that a line belongs to, as far as showing it needs. */
export interface LoggedRun {
  readonly workflowId: string;
  readonly id: string;
  /** In order; step i has the path `steps/<i>`, its further executions `steps/<i>/runs/<n>`. */
  readonly stepNames: readonly string[];
}

const STORED: Readonly<Record<LogStreamName, runApi.LogStream>> = {
  stdout: runApi.LogStream.STDOUT,
  stderr: runApi.LogStream.STDERR,
  error: runApi.LogStream.ERROR,
  system: runApi.LogStream.SYSTEM,
};

/** The stream that a request names; undefined for none that there is. */
export function streamNameOf(stream: runApi.LogStream): LogStreamName | undefined {
  return (Object.keys(STORED) as LogStreamName[]).find((name) => STORED[name] === stream);
}

/** A stream as text; what the platform says for one that is not known. */
export function streamOf(stream: runApi.LogStream): LogStreamName {
  return streamNameOf(stream) ?? "system";
}

const LIVE: Readonly<Partial<Record<step.LogStream, runApi.LogStream>>> = {
  [step.LogStream.STDOUT]: runApi.LogStream.STDOUT,
  [step.LogStream.STDERR]: runApi.LogStream.STDERR,
  [step.LogStream.ERROR]: runApi.LogStream.ERROR,
  [step.LogStream.SYSTEM]: runApi.LogStream.SYSTEM,
};

/** A line as the record keeps it. */
export function storedEntry(run: LoggedRun, line: LogRecord): runApi.LogEntry {
  return {
    run: runNameOf(run.workflowId, run.id),
    assignment: line.assignment,
    sequence: line.sequence,
    time: new Date(line.timeMs),
    stream: STORED[line.stream],
    stepPath: line.path,
    step: stepNameOf(run, line.path),
    text: line.text,
    lostLines: 0,
  };
}

/** A line as it comes from a runner. */
export function liveEntry(run: LoggedRun, handing: control.Handing, line: step.LogLine): runApi.LogEntry {
  return {
    run: runNameOf(run.workflowId, run.id),
    assignment: handing.assignment,
    sequence: line.sequence,
    time: line.time,
    stream: LIVE[line.stream] ?? runApi.LogStream.UNSPECIFIED,
    stepPath: line.path,
    step: stepNameOf(run, line.path),
    text: line.text,
    lostLines: 0,
  };
}

/** Says in the place of missing lines that they are missing. */
export function lostEntry(run: LoggedRun, gap: LogGap): runApi.LogEntry {
  return {
    run: runNameOf(run.workflowId, run.id),
    assignment: gap.assignment,
    sequence: gap.sequence,
    time: undefined,
    stream: runApi.LogStream.SYSTEM,
    stepPath: "",
    step: "",
    text: gap.count === 1 ? "1 line lost" : `${gap.count} lines lost`,
    lostLines: gap.count,
  };
}

function stepNameOf({ stepNames }: LoggedRun, path: string): string {
  return stepNames[Number(/^steps\/(\d+)(?:\/runs\/\d+)?$/.exec(path)?.[1])] ?? "";
}
