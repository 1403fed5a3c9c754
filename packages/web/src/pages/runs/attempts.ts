import type { StepAttempt, StepAttemptOutcome } from "../../api/generated/types.ts";

const FATES: Readonly<Record<StepAttemptOutcome, string>> = {
  STEP_ATTEMPT_OUTCOME_UNSPECIFIED: "it is not known what came of it",
  STEP_ATTEMPT_OUTCOME_SUCCEEDED: "succeeded",
  STEP_ATTEMPT_OUTCOME_FAILED: "failed",
  STEP_ATTEMPT_OUTCOME_ENVIRONMENT_DIED: "its environment died",
  STEP_ATTEMPT_OUTCOME_WORKER_DIED: "its worker died",
  STEP_ATTEMPT_OUTCOME_RUNNER_LOST: "its runner was not heard of any more",
  STEP_ATTEMPT_OUTCOME_EXPIRED: "its runner heard of no scheduler any more",
  STEP_ATTEMPT_OUTCOME_CANCELLED: "the run was cancelled",
};

/** What came of an attempt, in words. */
export function attemptFate({ outcome = "STEP_ATTEMPT_OUTCOME_UNSPECIFIED" }: StepAttempt): string {
  return FATES[outcome];
}

/** True when it came to nothing: the step did not get to say how it ended. */
export function wasLost({ outcome }: StepAttempt): boolean {
  return outcome !== "STEP_ATTEMPT_OUTCOME_SUCCEEDED" && outcome !== "STEP_ATTEMPT_OUTCOME_FAILED";
}
