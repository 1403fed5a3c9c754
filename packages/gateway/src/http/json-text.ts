import { PlatformError } from "@millrace/core";

/** Bounds of JSON that is handed on as it is: what Python's reader could not take is refused at the door. */
export const JSON_DEPTH_MAX = 200;
export const JSON_DIGITS_MAX = 4000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Checks JSON text that goes into an event verbatim, so that numbers, key order and escapes survive as they were sent.
 *
 * @returns false when it is not JSON
 * @throws PlatformError `JSON_TOO_DEEP` or `JSON_NUMBER_TOO_LONG` for JSON that no step could read
 */
export function checkJsonText(text: string): boolean {
  try {
    JSON.parse(text);
  } catch {
    return false;
  }
  checkBounds(text);
  return true;
}

/** Walks valid JSON once, counting brackets and digits outside of strings. */
function checkBounds(text: string): void {
  let depth = 0;
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x30 && code <= 0x39) {
      if (++digits > JSON_DIGITS_MAX)
        throw invalidJson("JSON_NUMBER_TOO_LONG", `a number has more than ${JSON_DIGITS_MAX} digits`);
      continue;
    }
    digits = 0;
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > JSON_DEPTH_MAX)
        throw invalidJson("JSON_TOO_DEEP", `JSON is nested more than ${JSON_DEPTH_MAX} levels deep`);
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
}

/** Position of the quote that ends the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

function isEscaped(text: string, position: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(position - 1 - backslashes) === BACKSLASH) backslashes++;
  return backslashes % 2 === 1;
}

/** JSON that is valid and of no use. */
export function invalidJson(reason: string, message: string): PlatformError {
  return new PlatformError("InvalidArgument", reason, message);
}

interface Values {
  /** JSON texts with commas between them. */
  json: string;
  count: number;
}

/**
 * Pairs on their way into a JSON object: a name that comes once has a string, one that comes more often a list in the order of
 * arrival. Written as text, so that names such as `__proto__` are names like any other.
 */
export class PairsWriter {
  readonly #byName = new Map<string, Values>();

  add(pairs: Iterable<readonly [string, string]>): void {
    for (const [name, value] of pairs) {
      const before = this.#byName.get(name);
      if (before === undefined) this.#byName.set(name, { json: JSON.stringify(value), count: 1 });
      else {
        before.json += `,${JSON.stringify(value)}`;
        before.count += 1;
      }
    }
  }

  /** The fields of the object, one by one. */
  *fields(): Generator<string> {
    for (const [name, { json, count }] of this.#byName)
      yield `${JSON.stringify(name)}:${count === 1 ? json : `[${json}]`}`;
  }
}

/** Writes pairs as a JSON object, as `PairsWriter` does. */
export function encodePairs(pairs: Iterable<readonly [string, string]>): string {
  const writer = new PairsWriter();
  writer.add(pairs);
  return `{${[...writer.fields()].join(",")}}`;
}

/** Writes a map of plain values as a JSON object. */
export function encodeObject(fields: ReadonlyMap<string, string>): string {
  let text = "";
  for (const [name, value] of fields)
    text += `${text === "" ? "" : ","}${JSON.stringify(name)}:${JSON.stringify(value)}`;
  return `{${text}}`;
}
