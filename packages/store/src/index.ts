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
  VersionPackages,
  VersionRecord,
  VersionSpec,
  WorkflowChange,
  WorkflowRecord,
  Workflows,
} from "./definitions/workflow-records.ts";
export type {
  AccountChange,
  AccountContents,
  AccountField,
  AccountKind,
  AccountRecord,
  Accounts,
  AccountState,
  AppRecord,
  Apps,
  Authorization,
  NewAccount,
  OauthClient,
  OpenAccount,
  RefreshFailure,
} from "./accounts/account-records.ts";
export type { Uses, UseTarget, WorkflowUses } from "./definitions/uses.ts";
export type {
  ApiKeys,
  CreatedApiKey,
  ListedVariable,
  FirstSteps,
  ProjectRecord,
  Projects,
  ProjectSettings,
  VariableRecord,
  Variables,
  VariableSet,
} from "./definitions/project-records.ts";
export type {
  LogFilter,
  LogPosition,
  LogQuery,
  LogRecord,
  Logs,
  LogStreamName,
  RunFilter,
  RunPage,
  RunRecord,
  Runs,
  RunStatus,
  RunSummary,
  WorkflowActivity,
  StepPause,
  StepRunRecord,
  StepStatus,
} from "./runs/run-records.ts";
export type { StepAttempt, StepAttempts } from "./runs/step-attempts.ts";
export {
  OBJECT_PART_BYTES_MAX,
  type ByteRange,
  type ObjectEnd,
  type ObjectOwner,
  type ObjectOwnerKind,
  type ObjectRecord,
  type Objects,
  type ObjectWrite,
} from "./objects/object-records.ts";
export {
  assertCurrentAssignment,
  staleAssignment,
  type AssignmentKey,
  type Assignments,
  type AssignmentStanding,
} from "./assignments.ts";
export {
  DATA_STORE_BOUNDS,
  type DataStoreEntry,
  type DataStoreOperation,
  type DataStorePage,
  type DataStoreRecord,
  type DataStores,
  type DataStoreScan,
  type WriteOrigin,
} from "./data-stores/data-store-records.ts";
export {
  RETENTION_BOUNDS,
  type Retention,
  type RetentionChoice,
  type Retentions,
  type RetentionView,
} from "./housekeeping/retention.ts";
export type { Storage, StorageUsage } from "./storage/storage.ts";
export type { DeadLetterAction, DeadLetters, SettledDeadLetter } from "./runs/dead-letters.ts";
export { encodePageToken } from "./definitions/paging.ts";
export { openStore, type Store, type StoreOptions } from "./store.ts";
export { Primary, type PrimaryIdentity } from "./connection/primary.ts";
export { openCommitter, type CommitterOptions } from "./commit/committer.ts";
export { backUp, type BackupOptions } from "./backup/back-up.ts";
export type { BackupManifest, RowCounts } from "./backup/backup-format.ts";
export { checkBackup, restore, type Restored, type RestoreOptions } from "./backup/restore.ts";
export { migrate, type MigrateOptions, type MigrateOutcome, type MigrationPhase } from "./migrate.ts";
export { sessionName, type HouseSession } from "./sessions.ts";
export type {
  DraftBody,
  DraftChange,
  DraftEventRecord,
  DraftRecord,
  DraftRevisionRecord,
  Drafts,
  DraftStepBody,
  DraftTestRecord,
  GivenResult,
  TestVersion,
} from "./drafts/draft-records.ts";
export { hashPassword, isPassword } from "./people/password-hash.ts";
export type {
  NewSession,
  NewUser,
  SessionLives,
  SessionOwner,
  SessionRecord,
  Sessions,
  UserRecord,
  Users,
  UserWithPassword,
} from "./people/people-records.ts";
export { hashApiKey } from "./definitions/api-keys.ts";
export { createVault, type SecretPlace, type Vault } from "./secrets/vault.ts";
export type { Resealed, Secrets } from "./secrets/secrets.ts";
export type { FileBounds, FileEntry, FileListing, FileRecord, Files, FileWrite } from "./files/file-records.ts";
export {
  SERIES_LEVELS,
  SERIES_STEP_MS,
  type Histogram,
  type HouseSample,
  type PoolInterval,
  type PoolIntervals,
  type RunCounts,
  type RunInterval,
  type RunnerSample,
  type Series,
  type SeriesLevel,
  type SeriesPage,
  type SeriesQuery,
  type SeriesScope,
  type WaitingSample,
} from "./series/series-records.ts";
export { mergeHistograms, quantileMs } from "./series/histogram.ts";
export type { RunnerClaim, RunnerIdentities } from "./runner-identities.ts";
