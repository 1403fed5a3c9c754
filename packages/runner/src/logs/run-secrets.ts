import { MASK, type SecretMatcher } from "./secret-matcher.ts";

/** Where something was left out of a text that was too long, by the worker or in the environment. */
const GAP = /\n *… \d+ (?:bytes|characters) left out …\n/g;

/** Ends of a text at which something may be missing. */
export interface Cuts {
  readonly start?: boolean;
  readonly end?: boolean;
}

/** What must not be read in the lines and errors of one run: its project's secrets, and what its version was given. */
export class RunSecrets {
  readonly #project: SecretMatcher;
  readonly #granted: () => SecretMatcher | undefined;

  constructor(project: SecretMatcher, granted: () => SecretMatcher | undefined = () => undefined) {
    this.#project = project;
    this.#granted = granted;
  }

  /** True when there is nothing to mask. */
  get isEmpty(): boolean {
    return this.#project.isEmpty && this.#granted() === undefined;
  }

  /** The text with every secret replaced by stars; the same string when there is none in it. */
  mask(text: string): string {
    const masked = this.#project.mask(text);
    return this.#granted()?.mask(masked) ?? masked;
  }

  /** As `mask`, for a text that was shortened: beside a gap, and where it was cut, parts of a secret are masked too. */
  maskShortened(text: string, cuts: Cuts = {}): string {
    const gaps = [...text.matchAll(GAP)];
    if (gaps.length === 0 && cuts.start !== true && cuts.end !== true) return this.mask(text);
    let masked = "";
    let from = 0;
    for (const [index, gap] of gaps.entries()) {
      masked += this.maskPieces([text.slice(from, gap.index)], {
        start: index > 0 || cuts.start === true,
        end: true,
      }).join("");
      masked += gap[0];
      from = gap.index + gap[0].length;
    }
    const rest = { start: gaps.length > 0 || cuts.start === true, end: cuts.end === true };
    return masked + this.maskPieces([text.slice(from)], rest).join("");
  }

  /** Masks a text that has come in pieces; a secret that reaches over several has its stars in the first of them. */
  maskPieces(pieces: readonly string[], cuts: Cuts): string[] {
    const text = pieces.join("");
    const ranges = this.#ranges(text, cuts);
    if (ranges.length === 0) return [...pieces];
    let start = 0;
    return pieces.map((piece) => {
      const from = start;
      start += piece.length;
      return maskRanges(text, ranges, from, start);
    });
  }

  #ranges(text: string, cuts: Cuts): [number, number][] {
    const ranges: [number, number][] = [];
    for (const matcher of [this.#project, this.#granted()]) {
      if (matcher === undefined || matcher.isEmpty) continue;
      matcher.find(text, (start, end) => ranges.push([start, end]));
      if (cuts.start === true) ranges.push([0, matcher.cutAtStart(text)]);
      if (cuts.end === true) ranges.push([matcher.cutAtEnd(text), text.length]);
    }
    return merge(ranges.filter(([start, end]) => end > start));
  }
}

/** Ranges from left to right that do not overlap. */
function merge(ranges: [number, number][]): [number, number][] {
  const merged: [number, number][] = [];
  for (const [start, end] of ranges.sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last !== undefined && start < last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

/** What is left of a part of a text; stars stand where a range begins. */
function maskRanges(text: string, ranges: readonly [number, number][], from: number, to: number): string {
  let masked = "";
  let at = from;
  for (const [start, end] of ranges) {
    if (end <= from || start >= to) continue;
    if (start >= from) masked += text.slice(at, start) + MASK;
    at = Math.min(end, to);
  }
  return masked + text.slice(at, to);
}
