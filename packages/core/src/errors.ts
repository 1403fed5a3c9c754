/** What the caller of a failed operation can do about it; `rpc` maps each kind to one gRPC and one HTTP status. */
export type ErrorKind =
  | "InvalidArgument"
  | "FailedPrecondition"
  | "Unauthenticated"
  | "PermissionDenied"
  | "NotFound"
  | "AlreadyExists"
  | "Conflict"
  | "ResourceExhausted"
  | "Cancelled"
  | "DeadlineExceeded"
  | "Unavailable"
  | "Internal";

/** Facts beside an error's message, safe to show to whoever called. */
export type ErrorMetadata = Readonly<Record<string, string>>;

/** The platform's own trouble. User code that fails is data (`StepFailure`), never one of these. */
export class PlatformError extends Error {
  readonly kind: ErrorKind;
  /** Stable, in capitals: what programs match on. */
  readonly reason: string;
  readonly metadata: ErrorMetadata;

  constructor(
    kind: ErrorKind,
    reason: string,
    message: string,
    options: { metadata?: ErrorMetadata; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "PlatformError";
    this.kind = kind;
    this.reason = reason;
    this.metadata = options.metadata ?? {};
  }
}

/** Turns whatever was thrown into a `PlatformError`; what is not one becomes `INTERNAL` with the original as cause. */
export function coerceError(thrown: unknown): PlatformError {
  if (thrown instanceof PlatformError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new PlatformError("Internal", "INTERNAL", message, { cause: thrown });
}

/** Stops on a broken invariant of our own. Left on in production: going on would write nonsense into the record. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new PlatformError("Internal", "INVARIANT_BROKEN", message);
}
