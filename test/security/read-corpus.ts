import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** One hostile step: what it tries, and how it may end. */
export interface HostileStep {
  /** Its file below `steps`, without the ending: `escape/mount_things`. */
  readonly name: string;
  readonly source: string;
  /** Its own words. */
  readonly tries: string;
  readonly ends: Ending;
  readonly settings: Readonly<Record<string, unknown>>;
}

/**
 * `held`: it succeeds and returns "held", having found every attempt refused; a pattern: it fails with such a message;
 * `either`: any end is right as long as it is one and nobody else notices.
 */
export type Ending = "held" | "either" | RegExp;

const folder = join(import.meta.dirname, "steps");

/** Every step of the corpus, in the order of their names. */
export function readCorpus(): HostileStep[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".py"))
    .sort()
    .map((file) => readStep(file));
}

function readStep(file: string): HostileStep {
  const source = readFileSync(join(folder, file), "utf8");
  const tries = /^# Tries: (.+)$/m.exec(source)?.[1];
  const ends = /^# Ends: (.+)$/m.exec(source)?.[1];
  if (tries === undefined || ends === undefined)
    throw new TypeError(`${file} does not say what it tries or how it ends`);
  const settings = /^# Settings: (.+)$/m.exec(source)?.[1] ?? "{}";
  return {
    name: file.slice(0, -".py".length),
    source,
    tries,
    ends: readEnding(ends),
    settings: JSON.parse(settings) as Record<string, unknown>,
  };
}

function readEnding(text: string): Ending {
  if (text === "held" || text === "either") return text;
  return new RegExp(text.slice(1, -1));
}
