import { PlatformError } from "../errors.ts";

const PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/**
 * Makes a run id: a UUIDv7 (RFC 9562).
 *
 * @param timeMs milliseconds since 1970; the id sorts by it and names the day of the run's history
 * @param random 10 random bytes
 */
export function createRunId(timeMs: number, random: Uint8Array): string {
  const bytes = new Uint8Array(16);
  let rest = timeMs;
  for (let i = 5; i >= 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes.set(random.subarray(0, 10), 6);
  bytes[6] = 0x70 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** True when the text is a run id in its only accepted form, lower-case. */
export function isRunId(text: string): boolean {
  return PATTERN.test(text);
}

/** The time in a run id, in ms since 1970. Throws `INVALID_RUN_ID` for anything else. */
export function runIdTimeMs(runId: string): number {
  if (!isRunId(runId)) {
    throw new PlatformError("InvalidArgument", "INVALID_RUN_ID", `"${runId.slice(0, 64)}" is not a run id`);
  }
  return Number.parseInt(runId.slice(0, 8) + runId.slice(9, 13), 16);
}

/** The day (UTC, `YYYY-MM-DD`) whose history partition a run belongs to. */
export function runIdDay(runId: string): string {
  return new Date(runIdTimeMs(runId)).toISOString().slice(0, 10);
}
