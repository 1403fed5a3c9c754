import { SECRET_BYTES_MIN, secretPatterns } from "./secret-patterns.ts";

/** What a masked secret reads as. */
export const MASK = "****";

const TABLE_BITS = 15;
const TABLE_SIZE = 1 << TABLE_BITS;

/** Slot of two neighbouring UTF-16 units; two pairs in one slot only cost a closer look. */
function slotOf(first: number, second: number): number {
  return (Math.imul(first, 0x9e3b) ^ second) & (TABLE_SIZE - 1);
}

/**
 * Replaces every occurrence of a set of secrets in a text. Compiled once per generation of a project's environment and
 * used for each log line, so it looks at about one pair of characters in `length of the shortest pattern` (Wu and Manber's
 * shift table) instead of trying hundreds of alternatives at every character as one regular expression would.
 */
export class SecretMatcher {
  readonly #patterns: readonly string[];
  readonly #shortest: number;
  /** How far the window may move when this pair ends it; 0 where a pattern's window ends with the pair. */
  readonly #shifts: Uint8Array;
  readonly #candidates = new Map<number, string[]>();

  constructor(secrets: Iterable<string>) {
    const patterns = [...new Set([...secrets].flatMap(secretPatterns))].sort((a, b) => b.length - a.length);
    this.#patterns = patterns;
    this.#shortest = patterns.at(-1)?.length ?? 0;
    this.#shifts = new Uint8Array(patterns.length === 0 ? 0 : TABLE_SIZE).fill(Math.min(this.#shortest - 1, 255));
    for (const pattern of patterns) this.#add(pattern);
  }

  /** True when there is nothing to mask. */
  get isEmpty(): boolean {
    return this.#shortest === 0;
  }

  /** The text with every secret replaced by stars; the same string when there is none in it. */
  mask(text: string): string {
    let masked = "";
    let copied = 0;
    this.find(text, (start, end) => {
      masked += text.slice(copied, start) + MASK;
      copied = end;
    });
    return copied === 0 ? text : masked + text.slice(copied);
  }

  /** Tells of every secret in a text, from left to right. */
  find(text: string, found: (start: number, end: number) => void): void {
    if (this.isEmpty) return;
    let end = this.#shortest - 1;
    while (end < text.length) {
      const slot = slotOf(text.charCodeAt(end - 1), text.charCodeAt(end));
      const shift = this.#shifts[slot]!;
      if (shift > 0) {
        end += shift;
        continue;
      }
      const start = end - this.#shortest + 1;
      const pattern = this.#candidates.get(slot)!.find((candidate) => text.startsWith(candidate, start));
      if (pattern === undefined) {
        end += 1;
        continue;
      }
      found(start, start + pattern.length);
      end = start + pattern.length + this.#shortest - 1;
    }
  }

  /** Where the beginning of a secret starts that the end of the text has cut off; the text's length when there is none. */
  cutAtEnd(text: string): number {
    let earliest = text.length;
    for (const pattern of this.#patterns) {
      const head = pattern.slice(0, SECRET_BYTES_MIN);
      let at = text.indexOf(head, Math.max(0, text.length - pattern.length + 1));
      while (at >= 0 && at < earliest && !pattern.startsWith(text.slice(at))) at = text.indexOf(head, at + 1);
      if (at >= 0) earliest = Math.min(earliest, at);
    }
    return earliest;
  }

  /** Where the end of a secret ends that the start of the text has cut off; 0 when there is none. */
  cutAtStart(text: string): number {
    let latest = 0;
    for (const pattern of this.#patterns) {
      const tail = pattern.slice(-SECRET_BYTES_MIN);
      const start = text.slice(0, pattern.length - 1);
      let at = start.lastIndexOf(tail);
      while (at >= 0 && !pattern.endsWith(start.slice(0, at + tail.length))) at = start.lastIndexOf(tail, at - 1);
      if (at >= 0) latest = Math.max(latest, at + tail.length);
    }
    return latest;
  }

  #add(pattern: string): void {
    const window = this.#shortest;
    for (let end = 1; end < window; end++) {
      const slot = slotOf(pattern.charCodeAt(end - 1), pattern.charCodeAt(end));
      this.#shifts[slot] = Math.min(this.#shifts[slot]!, window - 1 - end);
      if (end === window - 1) this.#candidates.set(slot, [...(this.#candidates.get(slot) ?? []), pattern]);
    }
  }
}
