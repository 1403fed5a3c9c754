import type { RunInput } from "./run-spec.ts";
import type { StepResult } from "./step-result.ts";

/**
 * Most bytes that a run may have in all: its event, its context, and what its steps exported, returned and answered. A run
 * goes to another runner, and to whoever reads it, in one message of at most 8 MiB; what is larger could never go on.
 */
export const RUN_BYTES_MAX = 7 * 1024 * 1024;

/** What counts towards the size of a run. */
export interface SizedRun {
  readonly input: Pick<RunInput, "eventJson" | "contextJson">;
  readonly steps: readonly StepResult[];
}

/** The result as it is, or, when the run would become too large with it, the failure that stands in its place. */
export function boundResult(run: SizedRun, result: StepResult): StepResult {
  const bytes = sizeOf(run) + sizeOfResult(result);
  if (bytes <= RUN_BYTES_MAX) return result;
  const limit = `${RUN_BYTES_MAX / 1024 ** 2} MiB`;
  return {
    ...result,
    exportsJson: new Uint8Array(),
    returnValueJson: undefined,
    response: undefined,
    exit: undefined,
    pause: undefined,
    failure: result.failure ?? {
      cause: "PAYLOAD_TOO_LARGE",
      type: "PayloadTooLarge",
      message: `a run may have ${limit} of event, exports, return values and answers in all; with this step it has ${(bytes / 1024 ** 2).toFixed(1)} MiB`,
      traceback: "",
      line: 0,
    },
  };
}

function sizeOf({ input, steps }: SizedRun): number {
  return steps.reduce((sum, step) => sum + sizeOfResult(step), input.eventJson.length + input.contextJson.length);
}

function sizeOfResult({ exportsJson, returnValueJson, response }: StepResult): number {
  return exportsJson.length + (returnValueJson?.length ?? 0) + (response?.body.length ?? 0);
}
