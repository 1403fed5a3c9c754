export type { Committer, DurabilityFinding, Housekeeping, Partitions, RecordedOutcome } from "./ports.ts";
export type {
  ApiKeyRecord,
  DefinitionsChange,
  Deploy,
  Page,
  PageRequest,
  TriggerDefinition,
  TriggerRecord,
  VersionBody,
  VersionRecord,
  VersionSpec,
  WorkflowChange,
  WorkflowRecord,
  Workflows,
} from "./definitions/workflow-records.ts";
export type {
  ApiKeys,
  CreatedApiKey,
  ProjectRecord,
  Projects,
  VariableRecord,
  Variables,
  VariableSet,
} from "./definitions/project-records.ts";
export type {
  LogPosition,
  LogRecord,
  Logs,
  LogStreamName,
  RunFilter,
  RunRecord,
  Runs,
  RunStatus,
  RunSummary,
  StepRunRecord,
  StepStatus,
} from "./runs/run-records.ts";
export { openStore, type Store, type StoreOptions } from "./store.ts";
export { openCommitter, type CommitterOptions } from "./commit/committer.ts";
export { migrate, type MigrateOptions } from "./migrate.ts";
export { hashApiKey } from "./definitions/api-keys.ts";
