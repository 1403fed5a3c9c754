export { PlatformError, coerceError, invariant, type ErrorKind, type ErrorMetadata } from "./errors.ts";
export {
  APP_NAME,
  FIELD_NAME,
  isScope,
  parseAppDefinition,
  TOKEN_FIELD,
  type AppAuth,
  type AppDefinition,
  type AppField,
  type AppOauth,
  type AppTest,
} from "./accounts/app-definition.ts";
export { PARTITION_COUNT_DEFAULT, partitionOf, preferredOwner } from "./partition.ts";
export { OLDEST_BESIDE, RELEASE, RELEASE_UNSAID, compareReleases } from "./release.ts";
export { createRunId, isRunId, runIdDay, runIdTimeMs } from "./run/run-id.ts";
export { isEndState, mayMove, type EndState, type RunState, type StepRunState } from "./run/run-state.ts";
export {
  encodePayloadReference,
  INLINE_BYTES_MAX,
  parsePayloadReference,
  PAYLOAD_BYTES_MAX_DEFAULT,
  payloadSize,
  type PayloadReference,
} from "./run/payload-reference.ts";
export { RUN_BYTES_MAX } from "./run/run-size.ts";
export { PRIORITY_MAX, PRIORITY_MIN, QUEUE_LIMIT_DEFAULT, type RunInput, type RunSpec } from "./run/run-spec.ts";
export type {
  ChildRun,
  ChildStart,
  FailureCause,
  Pause,
  PauseKind,
  Resumption,
  StepFailure,
  StepResponse,
  StepResult,
  TmpSnapshot,
} from "./run/step-result.ts";
export type {
  AcceptChange,
  AcceptOutcome,
  AttemptLoss,
  Change,
  CommitBatch,
  CommitOutcome,
  DeathCause,
  DeliveredChange,
  EndChange,
  FoundRun,
  LoadedPartition,
  LoadedQueue,
  LoadedRun,
  LostAttempt,
  OutboxBody,
  OutboxMessage,
  OutboxPage,
  OutboxTargets,
  QueuePage,
  QueueShare,
  ShareOutcome,
  UpdateChange,
  WakePage,
} from "./owner/record.ts";
export type {
  GatewayMessages,
  OutboxQuery,
  OwnerPort,
  QueueQuery,
  RunnerMessages,
  RunRequest,
  ShareRequest,
  SubmitQuery,
  WakeQuery,
} from "./owner/owner-port.ts";
export { isBefore, type QueueKey } from "./owner/workflow-queue.ts";
export type { OwnerSettings } from "./owner/owner-state.ts";
export { Ownership } from "./owner/ownership.ts";
export { Owner as OwnerBrain } from "./owner/owner.ts";
export type { Taken } from "./owner/leaseholder.ts";
export type { PoolLoad } from "./owner/pool-loads.ts";
export { suits } from "./owner/runner-table.ts";
export { Holdings, type HoldingsSettings } from "./holdings/holdings.ts";
export type { HoldingsPort, RenewedLife, RunnerDescription } from "./holdings/holdings-port.ts";
export { Admission, type Admitted } from "./waiting/admission.ts";
export {
  Waiting,
  WAITING_DEFAULT,
  type RecordedRun,
  type RunListener,
  type StreamedAnswer,
  type WaitingPort,
  type WaitingSettings,
} from "./waiting/waiting.ts";
export { TIMING_DEFAULT, validateTiming, type Timing } from "./timing.ts";
export { isResumePath, parseStepPath, parseStepRun, resumePath, stepPath } from "./run/step-path.ts";
export { childRunId, CHILDREN_MAX, WORKFLOW_TRIGGER } from "./run/children.ts";
export { isBehind, nextStepPath, placeStep } from "./run/steps.ts";
export { takeOver, takenSteps, withTmp, type TakeOver } from "./run/taken-over.ts";
export { encodeContext, type ContextFacts, type ParentRun } from "./run/trigger-context.ts";
export { DEATHS_MAX } from "./run/decide.ts";
export type * as messages from "./messages.ts";
export { isSealedFor, sealHanding } from "./run/handing-seal.ts";
export {
  encodeRunToken,
  verifyRunnersToken,
  verifyRunToken,
  type RunTokenClaims,
  type RunTokenMac,
} from "./run/run-token.ts";
export { encodeWorkflowDefinition } from "./workflow/encode-workflow-definition.ts";
export type { DefinitionProblem } from "./workflow/field-reader.ts";
export { findInputUses, findVariableUses, type Use, type UseKind } from "./workflow/find-uses.ts";
export { parseWorkflowDefinition } from "./workflow/parse-workflow-definition.ts";
export { formatBytes, formatDuration, parseBytes, parseDurationMs } from "./workflow/quantity.ts";
export {
  STEP_INPUT_KINDS,
  WORKFLOW_BOUNDS,
  WORKFLOW_PATTERNS,
  WORKFLOW_SETTINGS_DEFAULT,
  type EventShape,
  type HttpTriggerDefinition,
  type RespondMode,
  type StaticResponse,
  type StepDefinition,
  type StepInput,
  type WorkflowDefinition,
  type WorkflowSettings,
} from "./workflow/workflow-definition.ts";
export { WORKFLOW_SCHEMA } from "./workflow/workflow-schema.ts";
export { parseDirectoryPath, parseFilePath } from "./files/file-path.ts";
export { findPackage, type ProvidingPackage } from "./requirements/find-package.ts";
export { IMPORT_TABLE } from "./requirements/import-table.ts";
export { lockedPackages, packageChanges, type LockedPackage, type PackageChange } from "./requirements/lock.ts";
export {
  planPackages,
  type AskedRequirement,
  type PackagePlan,
  type PackageWishes,
  type PlannedRequirement,
  type SourceImport,
} from "./requirements/plan-packages.ts";
export { normalizePackageName, packageNameOf, parseRequirement, type Requirement } from "./requirements/requirement.ts";
