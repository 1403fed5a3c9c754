import { PlatformError } from "../errors.ts";

const PATTERN = /^steps\/(0|[1-9]\d{0,5})$/;

/** The address of a top-level step within its run. */
export function stepPath(index: number): string {
  return `steps/${index}`;
}

/** The index of a top-level step. Throws `INVALID_STEP_PATH` for any other address. */
export function parseStepPath(path: string): number {
  const match = PATTERN.exec(path);
  if (!match)
    throw new PlatformError("InvalidArgument", "INVALID_STEP_PATH", `"${path.slice(0, 64)}" is no step's path`);
  return Number(match[1]);
}
