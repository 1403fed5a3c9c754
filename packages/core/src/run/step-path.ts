import { PlatformError } from "../errors.ts";

const PATTERN = /^steps\/(0|[1-9]\d{0,5})(?:\/runs\/([2-9]|[1-9]\d{1,5}))?$/;
const RESUME = "/resume";

/** The address of a step run: of a top-level step, and of its executions after the first (`pd.flow.rerun`). */
export function stepPath(index: number, runs = 1): string {
  return runs === 1 ? `steps/${index}` : `steps/${index}/runs/${runs}`;
}

/** The index of a top-level step, and which of its executions it is, from 1. Throws `INVALID_STEP_PATH` otherwise. */
export function parseStepRun(path: string): { readonly index: number; readonly runs: number } {
  const match = PATTERN.exec(path);
  if (!match)
    throw new PlatformError("InvalidArgument", "INVALID_STEP_PATH", `"${path.slice(0, 64)}" is no step's path`);
  return { index: Number(match[1]), runs: Number(match[2] ?? 1) };
}

/** The index of a top-level step, whichever execution is meant. Throws `INVALID_STEP_PATH` for any other address. */
export function parseStepPath(path: string): number {
  return parseStepRun(path).index;
}

/** The address of what ended the pause of a step run: a row of its own in the record. */
export function resumePath(path: string): string {
  return `${path}${RESUME}`;
}

/** True for the address of what ended a pause. */
export function isResumePath(path: string): boolean {
  return path.endsWith(RESUME);
}
