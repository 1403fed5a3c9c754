/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was found. */
  readonly detail: string;
  /** What to do about it; empty when it is well. */
  readonly remedy: string;
  /** False for what a house does without, a little less well protected; true when not said. */
  readonly needed?: boolean;
}

/** A check that found what it should. */
export function good(name: string, detail: string): Check {
  return { name, ok: true, detail, remedy: "" };
}

/** A check that found something else. */
export function bad(name: string, detail: string, remedy: string): Check {
  return { name, ok: false, detail, remedy };
}
