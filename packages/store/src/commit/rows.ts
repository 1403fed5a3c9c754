import {
  coerceError,
  invariant,
  isRunId,
  type Change,
  type CommitBatch,
  type EndChange,
  type OutboxMessage,
  type PlatformError,
  type UpdateChange,
} from "@millrace/core";
import { ArrayWriter, encodeArray, type ElementName } from "./binary.ts";
import {
  dayOf,
  deliveredColumns,
  endColumns,
  lossColumns,
  outboxColumns,
  takenColumns,
  type Column,
  type LossRow,
  type TakenRow,
} from "./columns.ts";
import { acceptColumnsOf, createStatement, updateColumnsOf, type Statement, type StatementParts } from "./statement.ts";

/** A prepared statement with its parameters, for `pg`. */
export interface PreparedQuery extends Statement {
  readonly values: unknown[];
}

/** A query for those of the changes that have an encoding. */
export interface CommitQuery {
  readonly query: PreparedQuery;
  /** Changes that the query writes. */
  readonly changes: readonly Change[];
  /** Why the others are left out, by run id. */
  readonly failed: ReadonlyMap<string, PlatformError>;
}

/** What may be a row. */
type Row = Change | OutboxMessage | TakenRow | LossRow;

/** The rows of one kind of change, as one array for each column. */
class RowWriter {
  readonly #columns: readonly {
    readonly writer: ArrayWriter<ElementName>;
    readonly value: Column<Row>["value"];
  }[];
  count = 0;

  constructor(columns: readonly Column<never>[]) {
    this.#columns = columns.map(({ type, value }) => ({
      writer: new ArrayWriter<ElementName>(type),
      value: value as Column<Row>["value"],
    }));
  }

  /** Adds a row, or throws and leaves nothing of it behind: a change that has no encoding fails alone. */
  add(row: Row): void {
    const marks = this.#columns.map(({ writer }) => writer.mark());
    try {
      for (const { writer, value } of this.#columns) writer.add(value(row));
      this.count++;
    } catch (thrown) {
      for (const [index, { writer }] of this.#columns.entries()) writer.reset(marks[index]!);
      throw thrown;
    }
  }

  /** The arrays that `unnest` takes; none without rows. */
  finish(): Buffer[] {
    return this.count === 0 ? [] : this.#columns.map(({ writer }) => writer.finish());
  }
}

const DAY_MS = 86_400_000;

function columnsOf(kind: Change["kind"], parts: Extras): readonly Column<never>[] {
  switch (kind) {
    case "accept":
      return acceptColumnsOf(parts);
    case "update":
      return updateColumnsOf(parts);
    case "end":
      return endColumns;
    case "delivered":
      return deliveredColumns;
  }
}

/** Columns that most batches do without. */
type Extras = Pick<StatementParts, "queues" | "takes" | "parks">;

function extrasOf(changes: readonly Change[]): Extras {
  const queues = changes.some((change) => change.kind === "accept" && (change.parked || change.priority !== 0));
  const parks = changes.some((change) => change.kind === "update" && change.parked !== undefined);
  const takes = changes.some((change) => change.kind === "accept" && change.takenOver !== undefined);
  return { queues, takes, parks };
}

function takenRows(change: Change): TakenRow[] {
  if (change.kind !== "accept" || change.takenOver === undefined) return [];
  return change.takenOver.map((step, index) => ({ runId: change.runId, ordinal: index + 1, step }));
}

type Writers = Partial<Record<Change["kind"] | "outbox" | "taken" | "loss", RowWriter>>;

/** What updates and ends bring with them, seldom. */
function addBeside(writers: Writers, { partition, runId, outbox = [], lost }: UpdateChange | EndChange): void {
  for (const message of outbox) (writers.outbox ??= new RowWriter(outboxColumns)).add(message);
  if (lost) (writers.loss ??= new RowWriter(lossColumns)).add({ partition, runId, lost });
}

const statements = new Map<string, Statement>();

function statementFor(parts: StatementParts): Statement {
  const key = Object.values(parts).map(Number).join("");
  let statement = statements.get(key);
  if (!statement) statements.set(key, (statement = createStatement(parts)));
  return statement;
}

/** The first and the last day of the runs; what has no day is no run that is written. */
function daySpan(changes: readonly Change[]): [string, string] {
  const days = changes.filter(({ kind, runId }) => kind === "accept" && isRunId(runId)).map(dayOf);
  const name = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);
  return [name(Math.min(...days)), name(Math.max(...days))];
}

/**
 * The query that writes these changes.
 *
 * @param again true inside a transaction that has taken its turn already
 */
export function createCommitQuery(batch: CommitBatch, changes: readonly Change[], again: boolean): CommitQuery {
  const writers: Writers = {};
  const failed = new Map<string, PlatformError>();
  const extras = extrasOf(changes);
  let keys = false;
  for (const change of changes) {
    invariant(batch.epochs.has(change.partition), `a commit lacks the epoch of partition ${change.partition}`);
    try {
      // First: of what a run takes over without being accepted, the statement writes nothing.
      for (const row of takenRows(change)) (writers.taken ??= new RowWriter(takenColumns)).add(row);
      (writers[change.kind] ??= new RowWriter(columnsOf(change.kind, extras))).add(change);
      if (change.kind === "accept") keys ||= change.idempotencyKey !== "";
      else if (change.kind !== "delivered") addBeside(writers, change);
    } catch (thrown) {
      failed.set(change.runId, coerceError(thrown));
    }
  }
  const { accept, taken, update, end, delivered, outbox, loss } = writers;
  const has = (writer: RowWriter | undefined): boolean => writer !== undefined && writer.count > 0;
  const beside = { delivered: has(delivered), outbox: has(outbox), losses: has(loss) };
  const parts = { accepts: has(accept), keys, updates: has(update), ends: has(end), ...extras, ...beside };
  const fence = [encodeArray("int4", [...batch.epochs.keys()]), encodeArray("int8", [...batch.epochs.values()])];
  const rows = [accept, taken, update, end, delivered, outbox, loss].flatMap((writer) => writer?.finish() ?? []);
  const days = parts.accepts ? daySpan(changes) : [];
  const values = [batch.committer, batch.number, again, ...fence, ...days, ...rows];
  const written = failed.size === 0 ? changes : changes.filter(({ runId }) => !failed.has(runId));
  return { query: { ...statementFor(parts), values }, changes: written, failed };
}
