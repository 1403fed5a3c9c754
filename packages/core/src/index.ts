export { PlatformError, coerceError, invariant, type ErrorKind, type ErrorMetadata } from "./errors.ts";
export { PARTITION_COUNT_DEFAULT, partitionOf, preferredOwner } from "./partition.ts";
export { createRunId, isRunId, runIdDay, runIdTimeMs } from "./run/run-id.ts";
export { isEndState, mayMove, type EndState, type RunState, type StepRunState } from "./run/run-state.ts";
export { QUEUE_LIMIT_DEFAULT, type RunInput, type RunSpec } from "./run/run-spec.ts";
export type { FailureCause, StepFailure, StepResponse, StepResult } from "./run/step-result.ts";
export type {
  AcceptChange,
  AcceptOutcome,
  Change,
  CommitBatch,
  CommitOutcome,
  EndChange,
  LoadedRun,
  UpdateChange,
} from "./owner/record.ts";
