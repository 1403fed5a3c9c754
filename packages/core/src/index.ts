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
export { encodeRunToken, verifyRunToken, type RunTokenClaims, type RunTokenMac } from "./run/run-token.ts";
export { encodeWorkflowDefinition } from "./workflow/encode-workflow-definition.ts";
export type { DefinitionProblem } from "./workflow/field-reader.ts";
export { parseWorkflowDefinition } from "./workflow/parse-workflow-definition.ts";
export { formatBytes, formatDuration, parseBytes, parseDurationMs } from "./workflow/quantity.ts";
export {
  WORKFLOW_BOUNDS,
  WORKFLOW_PATTERNS,
  WORKFLOW_SETTINGS_DEFAULT,
  type EventShape,
  type HttpTriggerDefinition,
  type RespondMode,
  type StaticResponse,
  type StepDefinition,
  type WorkflowDefinition,
  type WorkflowSettings,
} from "./workflow/workflow-definition.ts";
export { WORKFLOW_SCHEMA } from "./workflow/workflow-schema.ts";
