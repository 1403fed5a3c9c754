import { PlatformError } from "../errors.ts";

const PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/**
 * Makes a run id: a UUIDv7 (RFC 9562).
 *
 * @param timeMs milliseconds since 1970; the id sorts by it and names the day of the run's history
 * @param random 10 random bytes
 */
export function createRunId(timeMs: number, random: Uint8Array): string {
  const time = Math.floor(timeMs).toString(16).padStart(12, "0");
  const version = HEX[0x70 | (random[0]! & 0x0f)]! + HEX[random[1]!]!;
  const variant = HEX[0x80 | (random[2]! & 0x3f)]! + HEX[random[3]!]!;
  let rest = "";
  for (let index = 4; index < 10; index++) rest += HEX[random[index]!]!;
  return `${time.slice(0, 8)}-${time.slice(8)}-${version}-${variant}-${rest}`;
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
