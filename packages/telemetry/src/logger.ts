/** From what only developers want to what an operator must see. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Facts beside an event. `Error`s are written with their reason, message and stack. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes one JSON object per line to stderr. Never given user data, secrets or tokens. */
export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A logger whose lines carry these fields as well. */
  child(fields: LogFields): Logger;
  /** True when lines of this level are written: for fields that are dear to compute. */
  enabled(level: LogLevel): boolean;
}

export interface LoggerOptions {
  level: LogLevel;
  /** Fields of every line, such as role and name of the process. */
  fields?: LogFields;
  /** Where lines go. Default: stderr. */
  write?: (line: string) => void;
}

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };
const TEXT_MAX = 8_192;

/** Makes a logger. */
export function createLogger(options: LoggerOptions): Logger {
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  return new JsonLogger(RANK[options.level], options.fields ?? {}, write);
}

class JsonLogger implements Logger {
  #rank: number;
  #fields: LogFields;
  #write: (line: string) => void;

  constructor(rank: number, fields: LogFields, write: (line: string) => void) {
    this.#rank = rank;
    this.#fields = fields;
    this.#write = write;
  }

  debug(event: string, fields?: LogFields): void {
    this.#log("debug", event, fields);
  }

  info(event: string, fields?: LogFields): void {
    this.#log("info", event, fields);
  }

  warn(event: string, fields?: LogFields): void {
    this.#log("warn", event, fields);
  }

  error(event: string, fields?: LogFields): void {
    this.#log("error", event, fields);
  }

  child(fields: LogFields): Logger {
    return new JsonLogger(this.#rank, { ...this.#fields, ...fields }, this.#write);
  }

  enabled(level: LogLevel): boolean {
    return RANK[level] >= this.#rank;
  }

  #log(level: LogLevel, event: string, fields: LogFields | undefined): void {
    if (RANK[level] < this.#rank) return;
    const record = { time: new Date().toISOString(), level, event, ...this.#fields, ...fields };
    this.#write(toLine(record));
  }
}

/** A field that cannot be written must not lose the line: cycles and throwing getters end here. */
function toLine(record: Record<string, unknown>): string {
  try {
    return `${JSON.stringify(record, plain)}\n`;
  } catch (thrown) {
    const { time, level, event } = record;
    return `${JSON.stringify({ time, level, event, unwritable: String(thrown) })}\n`;
  }
}

function plain(_key: string, value: unknown): unknown {
  if (value instanceof Error) return describeError(value);
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === "string" && value.length > TEXT_MAX) return `${value.slice(0, TEXT_MAX)}…`;
  return value;
}

/** What is known of an error, with its causes. */
function describeError(error: Error): Record<string, unknown> {
  const { reason, kind, metadata, code } = error as Error & Record<string, unknown>;
  return {
    name: error.name,
    message: error.message,
    ...(kind !== undefined && { kind }),
    ...(reason !== undefined && { reason }),
    ...(code !== undefined && { code }),
    ...(metadata !== undefined && { metadata }),
    stack: error.stack,
    ...(error.cause !== undefined && { cause: error.cause }),
  };
}
