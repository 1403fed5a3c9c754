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
import { encodeArray, RowArrayWriter, type RowColumn } from "./binary.ts";
import { columnsOf, dayOf, type LossRow, type RowKind, type RowTypeIds, type TakenRow } from "./columns.ts";
import { createStatement, type Statement, type StatementParts } from "./statement.ts";

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

const DAY_MS = 86_400_000;

/** In the order in which a statement takes them. */
const KINDS: readonly RowKind[] = ["accept", "taken", "update", "end", "delivered", "outbox", "loss"];

/** The rows of a batch, by kind. */
class Rows {
  readonly #writers: Partial<Record<RowKind, RowArrayWriter<Row>>> = {};

  /** Adds a row, or throws and leaves nothing of it behind. */
  add(kind: RowKind, row: Row): void {
    const writer = (this.#writers[kind] ??= new RowArrayWriter(
      columnsOf[kind] as readonly unknown[] as readonly RowColumn<Row>[],
    ));
    writer.add(row);
  }

  has(kind: RowKind): boolean {
    return (this.#writers[kind]?.length ?? 0) > 0;
  }

  /** The arrays that `unnest` takes, of the kinds that have rows. */
  finish(types: RowTypeIds): Buffer[] {
    return KINDS.flatMap((kind) => (this.has(kind) ? [this.#writers[kind]!.finish(types[kind])] : []));
  }
}

function takenRows(change: Change): TakenRow[] {
  if (change.kind !== "accept" || change.takenOver === undefined) return [];
  return change.takenOver.map((step, index) => ({ runId: change.runId, ordinal: index + 1, step }));
}

/** What updates and ends bring with them, seldom. */
function addBeside(rows: Rows, { partition, runId, outbox = [], lost }: UpdateChange | EndChange): void {
  for (const message of outbox) rows.add("outbox", message);
  if (lost) rows.add("loss", { partition, runId, lost });
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
export function createCommitQuery(
  batch: CommitBatch,
  changes: readonly Change[],
  again: boolean,
  types: RowTypeIds,
): CommitQuery {
  const rows = new Rows();
  const failed = new Map<string, PlatformError>();
  let keys = false;
  let moves = false;
  for (const change of changes) {
    invariant(batch.epochs.has(change.partition), `a commit lacks the epoch of partition ${change.partition}`);
    try {
      // First: of what a run takes over without being accepted, the statement writes nothing.
      for (const row of takenRows(change)) rows.add("taken", row);
      rows.add(change.kind, change);
      if (change.kind === "accept") keys ||= change.idempotencyKey !== "";
      else if (change.kind !== "delivered") addBeside(rows, change);
      if (change.kind === "end") moves ||= again || change.isFirstStep !== true;
    } catch (thrown) {
      failed.set(change.runId, coerceError(thrown));
    }
  }
  const parts = { ...partsOf(rows), keys, moves };
  const fence = [encodeArray("int4", [...batch.epochs.keys()]), encodeArray("int8", [...batch.epochs.values()])];
  const days = parts.accepts ? daySpan(changes) : [];
  const values = [batch.committer, batch.number, again, ...fence, ...days, ...rows.finish(types)];
  const written = failed.size === 0 ? changes : changes.filter(({ runId }) => !failed.has(runId));
  return { query: { ...statementFor(parts), values }, changes: written, failed };
}

function partsOf(rows: Rows): Omit<StatementParts, "keys" | "moves"> {
  return {
    accepts: rows.has("accept"),
    takes: rows.has("taken"),
    updates: rows.has("update"),
    ends: rows.has("end"),
    delivered: rows.has("delivered"),
    outbox: rows.has("outbox"),
    losses: rows.has("loss"),
  };
}
