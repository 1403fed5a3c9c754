import { PlatformError } from "@millrace/core";
import { DATA_STORE_BOUNDS as BOUNDS, type DataStoreEntry } from "@millrace/store";

/** A key may be written with six bytes for each of its own, and there is some text around it and the value. */
const LINE_BYTES_MAX = 6 * BOUNDS.keyBytes + BOUNDS.valueBytes + 4_096;
const NEWLINE = 0x0a;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** A record as a line of JSON says it; the value is the text that stands there. */
export interface StoreLine {
  readonly key: string;
  readonly valueJson: string;
  /** When it ends, ms since 1970; null when it stays. */
  readonly expireTimeMs: number | null;
}

/** A record as a line of JSON, its value as it was written. */
export function encodeStoreLine({ key, value, expireTimeMs }: DataStoreEntry): Buffer {
  const end = expireTimeMs === null ? "" : `,"expireTime":"${new Date(expireTimeMs).toISOString()}"`;
  return Buffer.concat([Buffer.from(`{"key":${JSON.stringify(key)},"value":`), value, Buffer.from(`${end}}\n`)]);
}

/** Reads such a line. Throws `INVALID_RECORD`. */
export function parseStoreLine(line: Buffer): StoreLine {
  const text = decode(line);
  const members = parseObject(text);
  const { key, expireTime } = members;
  if (typeof key !== "string" || !("value" in members))
    throw invalidLine('it has no "key" that is text, or no "value"');
  const expireTimeMs = expireTime === undefined ? null : timeOf(expireTime);
  return { key, valueJson: memberText(text, "value"), expireTimeMs };
}

/** A time as JSON has it in this house; JavaScript's parser would take `1` and `"5 apples"` for years. */
function timeOf(value: unknown): number {
  const timeMs = typeof value === "string" && TIME.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(timeMs)) throw invalidLine('its "expireTime" is not a time such as "2026-01-31T12:00:00Z"');
  return timeMs;
}

/** Cuts bytes into lines as they come; holds no more than one of them. Throws `INVALID_RECORD` for one that is too long. */
export async function* splitStoreLines(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  let held = 0;
  for await (const piece of pieces) {
    let bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE)) {
      yield Buffer.concat([...rest, bytes.subarray(0, end)]);
      rest = [];
      held = 0;
      bytes = bytes.subarray(end + 1);
    }
    held += bytes.length;
    if (held > LINE_BYTES_MAX) throw invalidLine(`it has more than ${LINE_BYTES_MAX} bytes`);
    if (bytes.length > 0) rest.push(bytes);
  }
  if (held > 0) yield Buffer.concat(rest);
}

function decode(line: Buffer): string {
  try {
    return utf8.decode(line);
  } catch {
    throw invalidLine("it is not UTF-8");
  }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw invalidLine("it is not a JSON object");
}

/** The text of a member of an object that is known to be JSON; of several of one name the last, as parsers have it. */
function memberText(text: string, name: string): string {
  let found = "null";
  let at = text.indexOf("{") + 1;
  while (at > 0 && at < text.length) {
    const start = text.indexOf('"', at);
    if (start < 0) break;
    const colon = text.indexOf(":", stringEnd(text, start));
    const end = valueEnd(text, colon + 1);
    if (JSON.parse(text.slice(start, stringEnd(text, start))) === name) found = text.slice(colon + 1, end).trim();
    at = end + 1;
  }
  return found;
}

/** Behind the closing quote of a string. */
function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

/** Where the comma or the brace behind a value stands. */
function valueEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const mark = text[at];
    if (mark === '"') at = stringEnd(text, at) - 1;
    else if (mark === "{" || mark === "[") depth++;
    else if (depth === 0 && (mark === "," || mark === "}")) return at;
    else if (mark === "}" || mark === "]") depth--;
  }
  return text.length;
}

function invalidLine(why: string): PlatformError {
  return new PlatformError("InvalidArgument", "INVALID_RECORD", `a line is no record: ${why}`);
}
