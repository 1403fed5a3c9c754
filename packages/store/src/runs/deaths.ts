import type { DeathCause } from "@millrace/core";

const LETTERS: Readonly<Record<DeathCause, string>> = { ENVIRONMENT_DIED: "e", WORKER_DIED: "w", UNKNOWN: "?" };
const CAUSES = new Map(Object.entries(LETTERS).map(([cause, letter]) => [letter, cause as DeathCause]));

/** One letter for each death, oldest first. */
export function encodeDeaths(deaths: readonly DeathCause[]): string {
  return deaths.length === 0 ? "" : deaths.map((cause) => LETTERS[cause]).join("");
}

/** What `encodeDeaths` wrote; deaths that an older release has counted without saying what died are `UNKNOWN`. */
export function decodeDeaths(count: number, letters: string): DeathCause[] {
  return Array.from({ length: count }, (_, index) => CAUSES.get(letters[index] ?? "?") ?? "UNKNOWN");
}
