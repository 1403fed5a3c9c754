import {
  encodePayloadReference,
  parsePayloadReference,
  type Pause,
  type PayloadReference,
  type StepFailure,
  type StepResponse,
  type StepResult,
  type TmpSnapshot,
} from "@millrace/core";

/** What few steps have, kept as one JSON value; null when a step has none of it. */
export interface StepDetail {
  readonly failure?: StepFailure;
  readonly exit?: { readonly reason: string };
  readonly pause?: PauseDetail;
  /** The answer without its body. */
  readonly response?: Omit<StepResponse, "body">;
  /** The run that it ran in, when it was taken over. */
  readonly takenFrom?: string;
  /** Most memory of its environment, in bytes. */
  readonly peakMemoryBytes?: number;
  /** What was in /tmp: the object with its files, or why there is none. */
  readonly tmp?: Partial<PayloadReference> & { readonly unsaved: string };
}

/** A pause as JSON; a rerun's context as text. */
type PauseDetail = Omit<Pause, "contextJson"> & { readonly context: string };

function encodePause({ contextJson, ...pause }: Pause): PauseDetail {
  return { ...pause, context: Buffer.from(contextJson).toString("utf8") };
}

function decodePause({ context, ...pause }: PauseDetail): Pause {
  return { ...pause, contextJson: Buffer.from(context) };
}

/** JSON escapes what Postgres' text could not hold (NUL, lone surrogates), so that no failure is too odd to be kept. */
export function encodeStepDetail(step: StepResult): string | null {
  const { failure, exit, pause, response, tmp, takenFrom, peakMemoryBytes } = step;
  if (!failure && !exit && !pause && !response && !tmp && !takenFrom && !peakMemoryBytes) return null;
  const detail: StepDetail = {
    failure,
    exit,
    pause: pause && encodePause(pause),
    response: response && headOf(response),
    tmp: tmp && tmpDetail(tmp),
    takenFrom,
    peakMemoryBytes,
  };
  return JSON.stringify(detail);
}

function headOf({ status, headers, immediate, bodyIsReference }: StepResponse): Omit<StepResponse, "body"> {
  return { status, headers, immediate, ...(bodyIsReference === true && { bodyIsReference }) };
}

function tmpDetail({ content, unsaved }: TmpSnapshot): NonNullable<StepDetail["tmp"]> {
  return { ...parsePayloadReference(content), unsaved };
}

function toTmp({ objectId, size, unsaved }: NonNullable<StepDetail["tmp"]>): TmpSnapshot {
  const saved = objectId !== undefined && size !== undefined;
  return { content: saved ? encodePayloadReference({ objectId, size }) : new Uint8Array(), unsaved };
}

/** SQL: the address of a step's row, the same for all of the step's executions. */
export const STEP_PLACE = "regexp_replace(path, '/runs/[0-9]+', '')";

/** A step's row, in the hot table and in history. */
export interface StepRow {
  readonly run_id: string;
  readonly path: string;
  readonly ordinal: number;
  readonly assignment: number;
  readonly name: string;
  readonly execution_id: string;
  readonly start_time: number;
  readonly end_time: number;
  readonly last_log_sequence: number;
  readonly exports: Uint8Array;
  readonly return_value: Uint8Array | null;
  readonly response_body: Uint8Array | null;
  readonly detail: StepDetail | null;
}

/** The step as it was committed. */
export function toStepResult(row: StepRow): StepResult {
  const { failure, exit, pause, response, tmp, takenFrom, peakMemoryBytes } = row.detail ?? {};
  return {
    path: row.path,
    name: row.name,
    executionId: row.execution_id,
    exportsJson: row.exports,
    returnValueJson: row.return_value ?? undefined,
    response: response && { ...response, body: row.response_body ?? new Uint8Array() },
    exit,
    failure,
    pause: pause && decodePause(pause),
    ...(tmp && { tmp: toTmp(tmp) }),
    ...(takenFrom !== undefined && { takenFrom }),
    ...(peakMemoryBytes !== undefined && { peakMemoryBytes }),
    startTimeMs: row.start_time,
    endTimeMs: row.end_time,
    lastLogSequence: row.last_log_sequence,
  };
}
