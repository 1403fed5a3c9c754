import { PlatformError } from "@millrace/core";
import { errors } from "@nats-io/transport-node";

/** Receives what went wrong without anybody waiting for it; a telemetry logger fits. */
export interface BusLog {
  info(event: string, fields?: Record<string, unknown>): void;
  warn(event: string, fields?: Record<string, unknown>): void;
  error(event: string, fields?: Record<string, unknown>): void;
}

/** Swallows everything; for tests and tools that look at results only. */
export const silentLog: BusLog = { info: () => {}, warn: () => {}, error: () => {} };

/** Turns what the NATS client throws into the house's own errors; our own pass through. */
export function translateNatsError(thrown: unknown, what: string): PlatformError {
  if (thrown instanceof PlatformError) return thrown;
  const cause = unwrap(thrown);
  if (cause instanceof errors.TimeoutError) {
    return new PlatformError("DeadlineExceeded", "BUS_TIMEOUT", `${what}: no answer in time`, { cause: thrown });
  }
  if (cause instanceof errors.NoRespondersError) {
    return new PlatformError("Unavailable", "BUS_NO_RESPONDERS", `${what}: nobody is there to answer`, {
      cause: thrown,
    });
  }
  if (isRefusal(cause) || cause instanceof errors.PermissionViolationError) {
    return new PlatformError("PermissionDenied", "BUS_REFUSED", `${what}: NATS refuses these credentials`, {
      cause: thrown,
    });
  }
  const text = cause instanceof Error ? cause.message : String(cause);
  return new PlatformError("Unavailable", "BUS_UNAVAILABLE", `${what}: ${text}`, { cause: thrown });
}

/** The client wraps the error that tells the case in a general request error. */
function unwrap(thrown: unknown): unknown {
  return thrown instanceof errors.RequestError && thrown.cause instanceof Error ? thrown.cause : thrown;
}

/** Said whenever something needs the connection while there is none. */
export function disconnectedError(what: string): PlatformError {
  return new PlatformError("Unavailable", "BUS_DISCONNECTED", `${what}: there is no connection to NATS at the moment`);
}

/**
 * Whether NATS knows these credentials and does not take them. A client that was too slow to show them, on a machine that has its hands
 * full, is told by an error of the same class.
 */
export function isRefusal(thrown: unknown): boolean {
  return thrown instanceof errors.AuthorizationError && !/authentication timeout/i.test(thrown.message);
}
