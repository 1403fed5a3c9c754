import { invalidJson, JSON_DEPTH_MAX, JSON_DIGITS_MAX } from "./json-text.ts";

/** Bytes looked at in one turn of the event loop: about a millisecond. */
const SLICE_BYTES = 256 * 1024;

/** What may come next. */
const VALUE = 0;
const VALUE_OR_END = 1;
const KEY = 2;
const KEY_OR_END = 3;
const COLON = 4;
const COMMA_OR_END = 5;
const NOTHING = 6;

const ARRAY = 0;
const OBJECT = 1;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const ESCAPED = new Set(Buffer.from('"\\/bfnrt'));
const LITERALS = [Buffer.from("true"), Buffer.from("false"), Buffer.from("null")];

/**
 * Whether bytes are JSON, found out a slice at a time, so that other callers are served meanwhile, and without making the
 * value, which can take many times the room of its text. The bytes must be UTF-8; a byte order mark is passed over.
 *
 * @throws PlatformError `JSON_TOO_DEEP` or `JSON_NUMBER_TOO_LONG` for JSON that no step could read
 */
export async function isLargeJson(bytes: Buffer): Promise<boolean> {
  const scan = new JsonScan(bytes);
  for (;;) {
    const found = scan.goOn(SLICE_BYTES);
    if (found !== undefined) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** One look at a JSON text from its start to its end. */
class JsonScan {
  readonly #bytes: Buffer;
  /** Kinds of the containers that are open. */
  readonly #open = new Uint8Array(JSON_DEPTH_MAX);
  #depth = 0;
  #at = 0;
  #next = VALUE;
  #inString = false;
  #isKey = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.#at = 3;
  }

  /** Looks at some more bytes; undefined as long as nothing is decided. */
  goOn(count: number): boolean | undefined {
    const end = Math.min(this.#bytes.length, this.#at + count);
    while (this.#at < end) {
      if (this.#inString ? !this.#string(end) : !this.#token()) return false;
    }
    if (this.#at < this.#bytes.length) return undefined;
    return this.#next === NOTHING && !this.#inString;
  }

  /** The next token but for the inside of a string; false when nothing of the kind may stand there. */
  #token(): boolean {
    const byte = this.#bytes[this.#at]!;
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
      this.#at++;
      return true;
    }
    switch (this.#next) {
      case COLON:
        this.#next = VALUE;
        return this.#take(byte === 0x3a);
      case COMMA_OR_END:
        if (byte !== COMMA) return this.#close(byte);
        this.#next = this.#open[this.#depth - 1] === OBJECT ? KEY : VALUE;
        return this.#take(true);
      case KEY_OR_END:
        if (byte === 0x7d) return this.#close(byte);
        return this.#beginString(byte, true);
      case KEY:
        return this.#beginString(byte, true);
      case VALUE_OR_END:
        return byte === 0x5d ? this.#close(byte) : this.#value(byte);
      case VALUE:
        return this.#value(byte);
      default:
        return false;
    }
  }

  #take(fits: boolean): boolean {
    this.#at++;
    return fits;
  }

  #value(byte: number): boolean {
    if (byte === QUOTE) return this.#beginString(byte, false);
    if (byte === 0x5b) return this.#enter(ARRAY, VALUE_OR_END);
    if (byte === 0x7b) return this.#enter(OBJECT, KEY_OR_END);
    if (byte === 0x2d || isDigit(byte)) return this.#number();
    const literal = LITERALS.find((word) => word[0] === byte);
    const end = this.#at + (literal?.length ?? 0);
    if (literal === undefined || !this.#bytes.subarray(this.#at, end).equals(literal)) return false;
    this.#at = end;
    return this.#valueEnded();
  }

  #valueEnded(): true {
    this.#next = this.#depth === 0 ? NOTHING : COMMA_OR_END;
    return true;
  }

  #enter(kind: number, next: number): boolean {
    if (this.#depth === JSON_DEPTH_MAX) {
      throw invalidJson("JSON_TOO_DEEP", `JSON is nested more than ${JSON_DEPTH_MAX} levels deep`);
    }
    this.#open[this.#depth++] = kind;
    this.#next = next;
    return this.#take(true);
  }

  #close(byte: number): boolean {
    const kind = this.#open[this.#depth - 1];
    if (byte !== (kind === OBJECT ? 0x7d : 0x5d)) return false;
    this.#depth--;
    this.#at++;
    return this.#valueEnded();
  }

  #beginString(byte: number, isKey: boolean): boolean {
    this.#inString = true;
    this.#isKey = isKey;
    return this.#take(byte === QUOTE);
  }

  /** The inside of a string, up to its end or the slice's. */
  #string(end: number): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    while (at < end) {
      const byte = bytes[at]!;
      if (byte === QUOTE) {
        this.#at = at + 1;
        this.#inString = false;
        if (this.#isKey) this.#next = COLON;
        else this.#valueEnded();
        return true;
      }
      if (byte < 0x20) return false;
      if (byte !== BACKSLASH) at++;
      else {
        const length = escapeLength(bytes, at);
        if (length === 0) return false;
        at += length;
      }
    }
    this.#at = at;
    return true;
  }

  #number(): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    if (bytes[at] === 0x2d) at++;
    const whole = digitsFrom(bytes, at);
    if (whole === 0 || (whole > 1 && bytes[at] === 0x30)) return false;
    at += whole;
    if (bytes[at] === 0x2e) {
      const fraction = digitsFrom(bytes, at + 1);
      if (fraction === 0) return false;
      at += 1 + fraction;
    }
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      at++;
      if (bytes[at] === 0x2b || bytes[at] === 0x2d) at++;
      const exponent = digitsFrom(bytes, at);
      if (exponent === 0) return false;
      at += exponent;
    }
    this.#at = at;
    return this.#valueEnded();
  }
}

/** Bytes of an escape; 0 when it is none. */
function escapeLength(bytes: Buffer, at: number): number {
  const kind = bytes[at + 1];
  if (kind === undefined) return 0;
  if (ESCAPED.has(kind)) return 2;
  if (kind !== 0x75) return 0;
  return /^[0-9a-fA-F]{4}$/.test(bytes.toString("latin1", at + 2, at + 6)) ? 6 : 0;
}

function digitsFrom(bytes: Buffer, start: number): number {
  let at = start;
  while (at < bytes.length && isDigit(bytes[at]!)) at++;
  if (at - start <= JSON_DIGITS_MAX) return at - start;
  throw invalidJson("JSON_NUMBER_TOO_LONG", `a number has more than ${JSON_DIGITS_MAX} digits`);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
