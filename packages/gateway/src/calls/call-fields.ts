import { PlatformError } from "@millrace/core";

/** The arguments of a call. They come from user code: whatever is not as expected is refused, with its name. */
export class CallFields {
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(request: unknown, what = "the arguments") {
    if (typeof request !== "object" || request === null || Array.isArray(request)) {
      throw invalidCall(`${what} must be an object`);
    }
    this.#fields = request as Record<string, unknown>;
  }

  /** A text of at most so many bytes, and at least one unless it may be empty. */
  text(name: string, bytesMax: number, options: { empty?: boolean } = {}): string {
    const value = this.#fields[name];
    if (typeof value !== "string" || !value.isWellFormed()) throw invalidCall(`${name} must be text in valid Unicode`);
    if (value === "" && options.empty !== true) throw invalidCall(`${name} must not be empty`);
    const bytes = Buffer.byteLength(value);
    if (bytes > bytesMax) throw invalidCall(`${name} may have ${bytesMax} bytes, not ${bytes}`);
    return value;
  }

  /** A whole number from 0 on; undefined when it is not given. */
  count(name: string): number | undefined {
    const value = this.#fields[name] ?? undefined;
    if (value === undefined) return undefined;
    if (!Number.isSafeInteger(value) || (value as number) < 0) throw invalidCall(`${name} must be a whole number`);
    return value as number;
  }

  /** A number; null when it is not given. */
  number(name: string): number | null {
    const value = this.#fields[name] ?? null;
    if (value !== null && typeof value !== "number") throw invalidCall(`${name} must be a number`);
    return value;
  }

  /** A list of at least one and at most so many. */
  list(name: string, lengthMax: number): readonly unknown[] {
    const value = this.#fields[name];
    if (!Array.isArray(value) || value.length === 0) throw invalidCall(`${name} must be a list that is not empty`);
    if (value.length > lengthMax) throw invalidCall(`${name} may have ${lengthMax} entries, not ${value.length}`);
    return value;
  }

  flag(name: string): boolean {
    return this.#fields[name] === true;
  }
}

/** What user code has asked for makes no sense. */
export function invalidCall(message: string): PlatformError {
  return new PlatformError("InvalidArgument", "INVALID_CALL", message);
}
