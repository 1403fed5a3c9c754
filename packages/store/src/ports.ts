import type {
  CommitBatch,
  CommitOutcome,
  FoundRun,
  LoadedPartition,
  OutboxPage,
  OutboxQuery,
  OutboxTargets,
  PlatformError,
  QueuePage,
  QueueQuery,
  ShareOutcome,
  ShareRequest,
  SubmitQuery,
  WakePage,
  WakeQuery,
} from "@millrace/core";
import type { HistoryRemoved, HistoryRound } from "./housekeeping/keep-history.ts";

/** What became of a commit, with what could never be written. */
export interface RecordedOutcome extends CommitOutcome {
  /**
   * By run id: changes that the record cannot hold (`RECORD_REJECTED`) or that found no such run (`RUN_NOT_IN_RECORD`). They
   * were left out so that they do not hold up the others; repeating them would fail in the same way.
   */
  readonly failed: ReadonlyMap<string, PlatformError>;
}

/** The connection over which a scheduler writes. One commit at a time. */
export interface Committer {
  /**
   * Writes a batch in one fenced statement. Throws `RECORD_UNAVAILABLE` when the outcome is unknown or nothing was written
   * for a passing reason (connection, time-out, failover): repeat the same batch, under its number, until it returns.
   * Anything else thrown is permanent and says that this process and its database do not fit together.
   */
  commit(batch: CommitBatch): Promise<RecordedOutcome>;
  close(): Promise<void>;
}

/** Bounds of what is read of one partition at once. */
export interface PageBounds {
  readonly runsMax: number;
  /** Of payloads; the first run comes whatever its size. */
  readonly bytesMax: number;
}

/** Ownership of partitions. */
export interface Partitions {
  /** How many there are; fixed when the house was created. */
  count(): Promise<number>;
  /** Names a new scheduler incarnation, before its first commit. */
  registerCommitter(id: string): Promise<void>;
  /** Raises the epochs, waiting for commits in flight; returns the new ones. Load only afterwards. */
  take(partitions: readonly number[]): Promise<Map<number, number>>;
  /** What is in partitions whose epoch is still the given one, in a new snapshot; the others are missing. */
  load(epochs: ReadonlyMap<number, number>): Promise<ReadonlyMap<number, LoadedPartition>>;
  /** Paused runs of each partition that wake by a time, earliest first; moved partitions are missing. */
  page(
    queries: ReadonlyMap<number, WakeQuery>,
    untilMs: number,
    bounds: PageBounds,
  ): Promise<ReadonlyMap<number, WakePage>>;
  /** Parked runs for each query, in the order in which they start; undefined for partitions whose epoch has moved. */
  pageQueues(queries: readonly QueueQuery[]): Promise<readonly (QueuePage | undefined)[]>;
  /** Where a run is, and which request ended the pause at a step run's address. */
  find(runId: string, path: string): Promise<FoundRun>;
  /** Gives and takes shares of projects' limits; `limitDefault` holds for projects that set none. */
  leaseShares(requests: readonly ShareRequest[], limitDefault: number): Promise<ShareOutcome>;
  /** For each submit the run that it stands for, its own or its key's; undefined for none. */
  findSubmits(queries: readonly SubmitQuery[]): Promise<readonly (string | undefined)[]>;
  /** Messages of outboxes for each query, oldest first; undefined for partitions whose epoch has moved. */
  readOutbox(queries: readonly OutboxQuery[]): Promise<readonly (OutboxPage | undefined)[]>;
  /** Whom a partition's outbox has messages for, behind a name. */
  readOutboxTargets(partition: number, beyond: string, limit: number): Promise<OutboxTargets>;
}

/** A fact about the database that threatens a promise. */
export interface DurabilityFinding {
  /** Stable: `FSYNC_OFF`, `SYNCHRONOUS_COMMIT_OFF`, … */
  readonly reason: string;
  /** True when acknowledged runs can be lost by it. */
  readonly fatal: boolean;
  readonly message: string;
}

/** What keeps the database small and tells whether it is safe. */
export interface Housekeeping {
  /** Makes the day partitions of history and logs from yesterday to `daysAhead` days on; harmless to repeat. */
  ensureHistoryPartitions(daysAhead?: number, nowMs?: number): Promise<void>;
  /** Does the work unless another process is at its round; then undefined. */
  alone<T>(work: () => Promise<T>): Promise<T | undefined>;
  /** Removes runs that are not kept any more, with their steps, logs and large content. */
  keepHistory(round: HistoryRound): Promise<HistoryRemoved>;
  /** Removes expired idempotency keys; returns how many. */
  pruneKeys(): Promise<number>;
  /** Removes sessions that are over, whatever a gateway's settings. */
  pruneSessions(): Promise<number>;
  /** Removes what was kept of tests of drafts before that time. */
  pruneTests(olderThanMs: number): Promise<number>;
  /** Removes committers not seen for the given time. */
  pruneCommitters(unseenMs?: number): Promise<number>;
  /** Gives up what runs that were never accepted retain; removes objects that nobody has retained for the grace. Returns how many. */
  collectObjects(graceMs: number): Promise<number>;
  /** Removes expired records of data stores, and what was kept of writes of runs that are over. Returns how many. */
  collectDataStores(): Promise<number>;
  /** Builds indexes that a release has added for days that were there before; returns how many. */
  buildIndexes(isOver: () => boolean): Promise<number>;
  /** Puts right what the account of stored bytes has missed; returns for how many projects. */
  recountStorage(): Promise<number>;
  /** Settings of the server that threaten what was acknowledged; none when all is well. */
  checkDurability(): Promise<readonly DurabilityFinding[]>;
}
