import { coerceError, invariant, type Change, type CommitBatch, type PlatformError } from "@millrace/core";
import { encodeArray, encodeElement } from "./binary.ts";
import { acceptColumns, encodeColumns, endColumns, updateColumns, type Column, type Row } from "./columns.ts";
import { createStatement, type Statement, type StatementParts } from "./statement.ts";

/** A change ready to be sent. */
export interface EncodedChange {
  readonly change: Change;
  readonly row: Row;
}

/** Encodes each change on its own, so that one that cannot be encoded fails alone. */
export function encodeChanges(batch: CommitBatch): { encoded: EncodedChange[]; failed: Map<string, PlatformError> } {
  const encoded: EncodedChange[] = [];
  const failed = new Map<string, PlatformError>();
  for (const change of batch.changes) {
    invariant(batch.epochs.has(change.partition), `a commit lacks the epoch of partition ${change.partition}`);
    try {
      encoded.push({ change, row: encodeChange(change) });
    } catch (thrown) {
      failed.set(change.runId, coerceError(thrown));
    }
  }
  return { encoded, failed };
}

function encodeChange(change: Change): Row {
  switch (change.kind) {
    case "accept":
      return acceptColumns.map((column) => column.encode(change));
    case "update":
      return updateColumns.map((column) => column.encode(change));
    case "end":
      return endColumns.map((column) => column.encode(change));
  }
}

const statements = new Map<string, Statement>();

function statementFor(parts: StatementParts): Statement {
  const key = Object.values(parts).map(Number).join("");
  let statement = statements.get(key);
  if (!statement) statements.set(key, (statement = createStatement(parts)));
  return statement;
}

/** A prepared statement with its parameters, for `pg`. */
export interface PreparedQuery extends Statement {
  readonly values: unknown[];
}

/**
 * The query that writes these changes.
 *
 * @param again true inside a transaction that has taken its turn already
 */
export function createCommitQuery(
  batch: CommitBatch,
  changes: readonly EncodedChange[],
  again: boolean,
): PreparedQuery {
  const rowsOf = (kind: Change["kind"]): Row[] =>
    changes.filter(({ change }) => change.kind === kind).map(({ row }) => row);
  const [accepts, updates, ends] = [rowsOf("accept"), rowsOf("update"), rowsOf("end")];
  const keys = changes.some(({ change }) => change.kind === "accept" && change.idempotencyKey !== "");
  const parts = { accepts: accepts.length > 0, keys, updates: updates.length > 0, ends: ends.length > 0 };
  const columnsOf = (columns: readonly Column<never>[], rows: readonly Row[]): Buffer[] =>
    rows.length > 0 ? encodeColumns(columns, rows) : [];
  return {
    ...statementFor(parts),
    values: [
      batch.committer,
      batch.number,
      again,
      encodeArray(
        "int4",
        [...batch.epochs.keys()].map((partition) => encodeElement("int4", partition)),
      ),
      encodeArray(
        "int8",
        [...batch.epochs.values()].map((epoch) => encodeElement("int8", epoch)),
      ),
      ...columnsOf(acceptColumns, accepts),
      ...columnsOf(updateColumns, updates),
      ...columnsOf(endColumns, ends),
    ],
  };
}
