import { secretPatterns } from "./secret-patterns.ts";

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
  readonly #shortest: number;
  /** How far the window may move when this pair ends it; 0 where a pattern's window ends with the pair. */
  readonly #shifts: Uint8Array;
  readonly #candidates = new Map<number, string[]>();

  constructor(secrets: Iterable<string>) {
    const patterns = [...new Set([...secrets].flatMap(secretPatterns))].sort((a, b) => b.length - a.length);
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
    if (this.isEmpty || text.length < this.#shortest) return text;
    let masked = "";
    let copied = 0;
    let end = this.#shortest - 1;
    while (end < text.length) {
      const slot = slotOf(text.charCodeAt(end - 1), text.charCodeAt(end));
      const shift = this.#shifts[slot]!;
      if (shift > 0) {
        end += shift;
        continue;
      }
      const start = end - this.#shortest + 1;
      const found = this.#candidates.get(slot)!.find((pattern) => text.startsWith(pattern, start));
      if (found === undefined) {
        end += 1;
        continue;
      }
      masked += text.slice(copied, start) + MASK;
      copied = start + found.length;
      end = copied + this.#shortest - 1;
    }
    return copied === 0 ? text : masked + text.slice(copied);
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
