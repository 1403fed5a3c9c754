import type { RunRecord } from "@millrace/store";

/** The last line of each assignment that the record knows to have been written. */
export function lastLinesOf(run: RunRecord): Map<number, number> {
  const last = new Map<number, number>();
  for (const { assignment, result } of run.steps) {
    if (result === null || result.lastLogSequence === 0) continue;
    last.set(assignment, Math.max(last.get(assignment) ?? 0, result.lastLogSequence));
  }
  return last;
}

/** A place in a log where lines are missing. */
export interface LogGap {
  readonly assignment: number;
  /** The first of the missing lines. */
  readonly sequence: number;
  readonly count: number;
}

/** Where a line stands. */
interface Place {
  readonly assignment: number;
  readonly sequence: number;
}

/** What is missing between two neighbouring lines of one log; undefined when nothing is. */
export function gapBetween(before: Place | undefined, after: Place): LogGap | undefined {
  const expected = before?.assignment === after.assignment ? before.sequence + 1 : 1;
  const count = after.sequence - expected;
  return count > 0 ? { assignment: after.assignment, sequence: expected, count } : undefined;
}

/** What is missing behind the last line of an assignment; undefined when nothing is known to be. */
export function gapAtEnd(lastSeen: Place, lastLines: ReadonlyMap<number, number>): LogGap | undefined {
  const count = (lastLines.get(lastSeen.assignment) ?? 0) - lastSeen.sequence;
  return count > 0 ? { assignment: lastSeen.assignment, sequence: lastSeen.sequence + 1, count } : undefined;
}
