import type { ErrorKind } from "@millrace/core";

/** What the command's exit code says to scripts. */
export const exitCode = {
  ok: 0,
  internal: 1,
  /** The command line, a file or a value is wrong. */
  invalid: 2,
  notFound: 3,
  /** The API key is missing, wrong or not allowed to do this. */
  notAllowed: 4,
  /** The house cannot be reached or cannot do it now; trying again later may help. */
  unavailable: 5,
  /** The command did its work, and the run did not succeed. */
  runFailed: 6,
  /** The state of things forbids it: disabled, exists already, changed meanwhile. */
  wrongState: 7,
  /** A limit is reached. */
  limitReached: 8,
  /** It took too long, or was interrupted. */
  tookTooLong: 9,
} as const;

/** The exit code for each kind of error. */
export function exitCodeOf(kind: ErrorKind): number {
  switch (kind) {
    case "InvalidArgument":
      return exitCode.invalid;
    case "NotFound":
      return exitCode.notFound;
    case "Unauthenticated":
    case "PermissionDenied":
      return exitCode.notAllowed;
    case "Unavailable":
      return exitCode.unavailable;
    case "FailedPrecondition":
    case "AlreadyExists":
    case "Conflict":
      return exitCode.wrongState;
    case "ResourceExhausted":
      return exitCode.limitReached;
    case "Cancelled":
    case "DeadlineExceeded":
      return exitCode.tookTooLong;
    case "Internal":
      return exitCode.internal;
  }
}
