import type { StepResult } from "@millrace/core";
import type { step } from "@millrace/protocol";

import type { LogSource } from "./logs/log-shipper.ts";

/** Takes the project's secrets out of what people read of a step's end. */
export function maskResult(result: step.StepResult, { secrets }: LogSource): void {
  if (secrets.isEmpty) return;
  const { failure, exit } = result;
  if (failure !== undefined) {
    failure.type = secrets.mask(failure.type);
    failure.message = secrets.mask(failure.message);
    failure.traceback = secrets.mask(failure.traceback);
  }
  if (exit !== undefined) exit.reason = secrets.mask(exit.reason);
}

/** What stands in for a result that no message can carry: its step fails, in words that its author understands. */
export function tooLargeResult(result: StepResult): StepResult {
  const message = "the step's exports, return value and answer are together larger than a message may be";
  return {
    ...result,
    exportsJson: new Uint8Array(0),
    returnValueJson: undefined,
    response: undefined,
    exit: undefined,
    pause: undefined,
    failure: { cause: "PAYLOAD_TOO_LARGE", type: "PayloadTooLarge", message, traceback: "", line: 0 },
  };
}
