import {
  PlatformError,
  runIdTimeMs,
  type AcceptChange,
  type DeliveredChange,
  type EndChange,
  type LostAttempt,
  type OutboxMessage,
  type StepResult,
  type UpdateChange,
} from "@millrace/core";
import type { ClientBase } from "pg";
import { encodeDeaths } from "../runs/deaths.ts";
import { encodeStepDetail } from "../runs/step-detail.ts";
import type { ElementName, ElementValue, RowColumn } from "./binary.ts";

/** Longest idempotency key, in bytes: what an index row holds is bounded. */
export const KEY_LENGTH_MAX = 1024;

/** A column of the rows that a kind of change is sent as. */
export interface Column<C> extends RowColumn<C> {
  readonly name: string;
}

function column<C, N extends ElementName>(
  name: string,
  type: N,
  value: (change: C) => ElementValue<N> | null,
): Column<C> {
  return { name, type, value };
}

/** The day of a run's history, in days since 1970. */
export function dayOf(change: { readonly runId: string }): number {
  return Math.floor(runIdTimeMs(change.runId) / 86_400_000);
}

function checkedKey({ idempotencyKey }: AcceptChange): string | null {
  if (idempotencyKey === "") return null;
  if (Buffer.byteLength(idempotencyKey) > KEY_LENGTH_MAX || /\p{Cs}|\0/u.test(idempotencyKey)) {
    throw new PlatformError(
      "InvalidArgument",
      "INVALID_IDEMPOTENCY_KEY",
      `An idempotency key is text of at most ${KEY_LENGTH_MAX} bytes without NUL`,
    );
  }
  return idempotencyKey;
}

// The columns of each kind are those of a composite type, in its order: a migration makes it, and it stays as it is for the releases
// that write it. Other columns are another type.

/** Columns of an accept. */
const acceptColumns: readonly Column<AcceptChange>[] = [
  column("partition", "int4", (change) => change.partition),
  column("id", "uuid", (change) => change.runId),
  column("day", "date", dayOf),
  column("sequence", "int8", (change) => change.sequence),
  column("project_id", "uuid", (change) => change.spec.projectId),
  column("workflow_id", "uuid", (change) => change.spec.workflowId),
  column("version_id", "uuid", (change) => change.spec.versionId),
  column("create_time", "timestamptz", (change) => change.input.createTimeMs),
  column("event_falls_back_to_body", "bool", (change) => change.input.eventFallsBackToBody),
  column("wants_answer", "bool", (change) => change.wantsAnswer),
  column("wants_end", "bool", (change) => change.wantsEnd),
  column("gateway", "text", (change) => change.gateway),
  column("trigger_kind", "text", (change) => change.input.triggerKind),
  column("trace_parent", "text", (change) => change.input.traceParent),
  column("trace_id", "text", (change) => change.input.traceId),
  column("event", "bytea", (change) => change.input.eventJson),
  column("context", "bytea", (change) => change.input.contextJson),
  column("key", "text", checkedKey),
  column("priority", "int4", (change) => change.priority),
  column("parked", "bool", (change) => change.parked),
  column("steps_done", "int4", ({ takenOver }) => takenOver?.length ?? 0),
];

/** A step that a new run takes over, or what ended its pause. */
export interface TakenRow {
  readonly runId: string;
  /** Its place among those of the run, from 1. */
  readonly ordinal: number;
  readonly step: StepResult;
}

/** Columns of it; it ran in no assignment of the new run. */
const takenColumns: readonly Column<TakenRow>[] = [
  column("run_id", "uuid", ({ runId }) => runId),
  column("ordinal", "int4", ({ ordinal }) => ordinal),
  column("path", "text", ({ step }) => step.path),
  column("name", "text", ({ step }) => step.name),
  column("execution_id", "text", ({ step }) => step.executionId),
  column("start_time", "timestamptz", ({ step }) => step.startTimeMs),
  column("end_time", "timestamptz", ({ step }) => step.endTimeMs),
  column("exports", "bytea", ({ step }) => step.exportsJson),
  column("return_value", "bytea", ({ step }) => step.returnValueJson ?? null),
  column("detail", "json", ({ step }) => encodeStepDetail(step)),
];

type WithStep = { readonly step: StepResult | null };

/** Columns of the step that rides on an update or an end; all NULL when there is none. */
const stepColumns: readonly Column<WithStep>[] = [
  column("path", "text", ({ step }) => step && step.path),
  column("name", "text", ({ step }) => step && step.name),
  column("execution_id", "text", ({ step }) => step && step.executionId),
  column("step_start_time", "timestamptz", ({ step }) => step && step.startTimeMs),
  column("step_end_time", "timestamptz", ({ step }) => step && step.endTimeMs),
  column("last_log_sequence", "int8", ({ step }) => step && step.lastLogSequence),
  column("exports", "bytea", ({ step }) => step && step.exportsJson),
  column("return_value", "bytea", ({ step }) => step?.returnValueJson ?? null),
  column("response_body", "bytea", ({ step }) => step?.response?.body ?? null),
  column("detail", "json", ({ step }) => step && encodeStepDetail(step)),
];

/** Columns of an update. */
const updateColumns: readonly Column<UpdateChange>[] = [
  column("partition", "int4", (change) => change.partition),
  column("id", "uuid", (change) => change.runId),
  column("state", "text", (change) => change.state),
  column("assignment", "int4", (change) => change.assignment),
  column("start_time", "timestamptz", (change) => change.startTimeMs),
  column("wake_time", "timestamptz", (change) => change.wakeTimeMs),
  column("death_causes", "text", (change) => encodeDeaths(change.deaths)),
  column("parked", "bool", (change) => change.parked ?? null),
  ...stepColumns,
];

/** What is searched of a failure. */
const FAILURE_LENGTH_MAX = 1_000;

function failureText({ step }: EndChange): string | null {
  const failure = step?.failure;
  return failure ? `${failure.type}: ${failure.message}`.slice(0, FAILURE_LENGTH_MAX) : null;
}

/** Columns of an end. */
const endColumns: readonly Column<EndChange>[] = [
  column("partition", "int4", (change) => change.partition),
  column("id", "uuid", (change) => change.runId),
  column("day", "date", dayOf),
  column("state", "text", (change) => change.state),
  column("assignment", "int4", (change) => change.assignment),
  column("start_time", "timestamptz", (change) => change.startTimeMs),
  column("end_time", "timestamptz", (change) => change.endTimeMs),
  column("exit_reason", "text", (change) => change.exitReason),
  column("failure", "text", failureText),
  ...stepColumns,
];

/** Columns of a message that an update or an end sends to another run's owner. */
const outboxColumns: readonly Column<OutboxMessage>[] = [
  column("partition", "int4", (message) => message.partition),
  column("id", "text", (message) => message.id),
  column("target", "text", (message) => message.target),
  column("sequence", "int8", (message) => message.sequence),
  column("run_id", "uuid", (message) => message.runId),
  column("body", "json", (message) => JSON.stringify(message.body)),
  column("payload", "bytea", (message) => message.payload),
];

/** An attempt that was lost, as the row of its run. */
export interface LossRow {
  readonly partition: number;
  readonly runId: string;
  readonly lost: LostAttempt;
}

/** Columns of it. */
const lossColumns: readonly Column<LossRow>[] = [
  column("partition", "int4", ({ partition }) => partition),
  column("run_id", "uuid", ({ runId }) => runId),
  column("path", "text", ({ lost }) => lost.path),
  column("assignment", "int4", ({ lost }) => lost.assignment),
  column("runner", "text", ({ lost }) => lost.runner),
  column("start_time", "timestamptz", ({ lost }) => lost.startTimeMs),
  column("end_time", "timestamptz", ({ lost }) => lost.endTimeMs),
  column("loss", "text", ({ lost }) => lost.loss),
];

/** Columns of a message that is acknowledged. */
const deliveredColumns: readonly Column<DeliveredChange>[] = [
  column("partition", "int4", (change) => change.partition),
  column("id", "text", (change) => change.id),
];

/** The composite type that the rows of a kind are sent as. */
export const rowTypes = {
  accept: "commit_accept",
  taken: "commit_taken",
  update: "commit_update",
  end: "commit_end",
  delivered: "commit_delivered",
  outbox: "commit_outbox",
  loss: "commit_loss",
} as const;

/** What is sent as rows. */
export type RowKind = keyof typeof rowTypes;

/** The columns of each kind. */
export const columnsOf: Readonly<Record<RowKind, readonly Column<never>[]>> = {
  accept: acceptColumns,
  taken: takenColumns,
  update: updateColumns,
  end: endColumns,
  delivered: deliveredColumns,
  outbox: outboxColumns,
  loss: lossColumns,
};

/** The ids that a database has given to the types. */
export type RowTypeIds = Readonly<Record<RowKind, number>>;

/** Reads them: a database that was restored has given others. */
export async function readRowTypeIds(client: ClientBase): Promise<RowTypeIds> {
  const kinds = Object.keys(rowTypes) as RowKind[];
  const ids = kinds.map((kind) => `'${rowTypes[kind]}'::regtype::oid::int8 AS "${kind}"`);
  const { rows } = await client.query<RowTypeIds>(`SELECT ${ids.join(", ")}`);
  return rows[0]!;
}
