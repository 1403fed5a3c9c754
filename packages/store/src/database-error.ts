import { PlatformError } from "@millrace/core";
import { DatabaseError } from "pg";

/**
 * What a failure means for whoever asked:
 * - `passing`: the connection, the server's state or a limit of time; the same again may work, the outcome may be unknown.
 * - `data`: these very values cannot be written; nothing was.
 * - `permanent`: this process and its database do not fit together.
 */
export type FailureClass = "passing" | "data" | "permanent";

/**
 * SQLSTATE classes and states that pass: connection, resources, locks, operator (shutdown, time-out, start-up), system,
 * serialisation, read-only (a standby after a failover), and a prepared statement that another session's DDL made void.
 */
const PASSING = /^(08|40|53|55|57|58|25006|0A000|26000)/;

/** Wrong values, broken constraints, limits of the program such as the size of an index row. */
const DATA = /^(22|23|54)/;

/** Classifies what `pg` throws. Anything without an SQLSTATE comes from the connection: refused, reset, closed, timed out. */
export function classifyFailure(thrown: unknown): FailureClass {
  if (thrown instanceof PlatformError) return thrown.kind === "Unavailable" ? "passing" : "permanent";
  if (!(thrown instanceof DatabaseError)) return "passing";
  const state = thrown.code ?? "";
  if (PASSING.test(state)) return "passing";
  return DATA.test(state) ? "data" : "permanent";
}

/** The error that callers see for what `pg` threw. */
export function toPlatformError(thrown: unknown): PlatformError {
  if (thrown instanceof PlatformError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const state = thrown instanceof DatabaseError ? (thrown.code ?? "") : "";
  switch (classifyFailure(thrown)) {
    case "passing":
      return new PlatformError("Unavailable", "DATABASE_UNAVAILABLE", `The database does not answer: ${message}`, {
        cause: thrown,
      });
    case "data":
      return new PlatformError("InvalidArgument", "NOT_STORABLE", `The database cannot hold this: ${message}`, {
        metadata: { sqlState: state },
        cause: thrown,
      });
    case "permanent":
      return new PlatformError("Internal", "DATABASE_REFUSED", `The database refuses a statement: ${message}`, {
        metadata: { sqlState: state },
        cause: thrown,
      });
  }
}

/** Runs a database operation; whatever `pg` throws comes out as a `PlatformError`. */
export async function attempt<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (thrown) {
    throw toPlatformError(thrown);
  }
}

/** True when a unique constraint refused a row. */
export function isUniqueViolation(thrown: unknown): boolean {
  return thrown instanceof DatabaseError && thrown.code === "23505";
}
