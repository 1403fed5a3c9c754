import type { StepResult } from "@millrace/core";
import * as step from "@millrace/protocol/step";

import type { LogSource } from "./logs/log-shipper.ts";

/** Beyond this the environment cuts a reason. */
const REASON_MAX = 4_096;

/** Takes the project's secrets out of what people read of a step's end. */
export function maskResult(result: step.StepResult, { secrets }: LogSource): void {
  if (secrets.isEmpty) return;
  const { failure, exit } = result;
  if (failure !== undefined) {
    failure.type = secrets.mask(failure.type);
    failure.message = secrets.maskShortened(failure.message);
    failure.traceback = secrets.maskShortened(failure.traceback);
  }
  if (exit !== undefined) exit.reason = secrets.maskShortened(exit.reason, { end: exit.reason.length >= REASON_MAX });
}

/** What stands in for a result that no message can carry: its step fails, in words that its author understands. */
export function tooLargeResult(result: StepResult): StepResult {
  const message = "the step's exports, return value and answer are together larger than a message may be";
  const failure = { cause: "PAYLOAD_TOO_LARGE", type: "PayloadTooLarge", message, traceback: "", line: 0 } as const;
  return { ...result, ...WITHOUT_OUTPUT, exportsJson: new Uint8Array(0), failure };
}

/** What stands in for a result that the house refused to keep. */
export function refusedResult(result: step.StepResult, why: string): step.StepResult {
  const message = `what the step exported, returned or answered could not be kept: ${why}`;
  const cause = step.FailureCause.PAYLOAD_TOO_LARGE;
  const failure = { cause, type: "PayloadTooLarge", message, traceback: "", line: 0 };
  return {
    ...result,
    ...WITHOUT_OUTPUT,
    exportsJson: Buffer.alloc(0),
    children: [],
    failure: result.failure ?? failure,
  };
}

const WITHOUT_OUTPUT = {
  returnValueJson: undefined,
  response: undefined,
  exit: undefined,
  pause: undefined,
  children: undefined,
  tmp: undefined,
} as const;
