import { PlatformError } from "@millrace/core";

/** A `google.protobuf.Duration`. */
interface WireDuration {
  readonly seconds: number;
  readonly nanos: number;
}

/** Ms as a duration. */
export function durationOf(durationMs: number): WireDuration {
  return { seconds: Math.floor(durationMs / 1000), nanos: Math.round((durationMs % 1000) * 1e6) };
}

/** Bounds of a wait that a caller asks for. */
export interface WaitBounds {
  readonly fallbackMs: number;
  readonly maxMs: number;
}

/** A duration as ms: absent and 0 mean the default, what is too long becomes the most. Throws `INVALID_DURATION`. */
export function waitMsOf(duration: WireDuration | undefined, bounds: WaitBounds): number {
  if (duration === undefined) return bounds.fallbackMs;
  const durationMs = duration.seconds * 1000 + Math.round(duration.nanos / 1e6);
  if (durationMs < 0) throw new PlatformError("InvalidArgument", "INVALID_DURATION", "a duration must not be negative");
  return durationMs === 0 ? bounds.fallbackMs : Math.min(durationMs, bounds.maxMs);
}
