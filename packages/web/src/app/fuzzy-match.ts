/** How well a text fits what was typed. */
export interface FuzzyMatch {
  /** Higher is better. */
  readonly score: number;
  /** Places of the letters that were typed. */
  readonly at: readonly number[];
}

const RUN = 6;
const WORD = 8;
const START = 10;

/** Finds the typed letters in a text, in their order; undefined when they are not all there. Begins of words and runs of letters count more. */
export function fuzzyMatch(typed: string, text: string): FuzzyMatch | undefined {
  const wanted = typed.toLowerCase().replaceAll(/\s+/g, "");
  const lower = text.toLowerCase();
  const whole = lower.indexOf(typed.trim().toLowerCase());
  if (wanted !== "" && whole !== -1) {
    const at = Array.from({ length: typed.trim().length }, (_, index) => whole + index);
    return { score: scoreOf(at, text) + wanted.length * RUN, at };
  }
  const at: number[] = [];
  let from = 0;
  for (const letter of wanted) {
    const found = nextPlace(lower, text, letter, from);
    if (found === -1) return undefined;
    at.push(found);
    from = found + 1;
  }
  return { score: scoreOf(at, text), at };
}

/** The next place of a letter; a begin of a word is taken before one within, where the rest may still follow. */
function nextPlace(lower: string, text: string, letter: string, from: number): number {
  const next = lower.indexOf(letter, from);
  if (next === -1 || next === from || isWordStart(text, next)) return next;
  for (let at = next + 1; at < lower.length; at += 1) {
    if (lower[at] === letter && isWordStart(text, at)) return at;
  }
  return next;
}

function isWordStart(text: string, at: number): boolean {
  return at === 0 || !/[\p{L}\p{N}]/u.test(text[at - 1]!) || /\p{Ll}\p{Lu}/u.test(text.slice(at - 1, at + 1));
}

function scoreOf(at: readonly number[], text: string): number {
  let score = -text.length / 50;
  for (const [index, place] of at.entries()) {
    if (place === 0) score += START;
    else if (isWordStart(text, place)) score += WORD;
    if (index > 0 && at[index - 1] === place - 1) score += RUN;
    else score -= Math.min(3, (place - (at[index - 1] ?? 0)) / 10);
  }
  return score;
}
