import type { HostLog } from "./host-log.ts";

const LEVELS: Readonly<Record<string, keyof HostLog>> = {
  debug: "debug",
  info: "info",
  warning: "warn",
  error: "error",
  critical: "error",
};

/** Most of one line that is passed on. */
const LINE_CHARACTERS_MAX = 8192;

/**
 * Passes a line of a worker's standard error on to the runner's log: a JSON record with its own level and fields, anything else
 * (a crash of the interpreter) as a warning. Returns what it says to people.
 */
export function relayWorkerLine(line: string, worker: string, log: HostLog): string {
  const record = parseRecord(line);
  if (record === undefined) {
    const text = line.slice(0, LINE_CHARACTERS_MAX);
    log.warn("worker.stderr", { worker, text });
    return text;
  }
  const { time: _time, level, message, event, ...fields } = record;
  const text = [event, message].find((one): one is string => typeof one === "string") ?? "worker.log";
  log[LEVELS[String(level)] ?? "info"](text, { worker, ...fields });
  return [text, fields["cause"], fields["problems"]].flat().filter(Boolean).join(": ");
}

function parseRecord(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{") || line.length > LINE_CHARACTERS_MAX) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
