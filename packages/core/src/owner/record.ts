/**
 * What an owner writes into the record and reads back: the port between the scheduler's brain and the database.
 * `store` implements it on Postgres, the simulation in memory.
 */
import type { PlatformError } from "../errors.ts";
import type { RunSpec, RunInput } from "../run/run-spec.ts";
import type { EndState, RunState } from "../run/run-state.ts";
import type { StepResult } from "../run/step-result.ts";
import type { ParentRun } from "../run/trigger-context.ts";
import type { QueueKey } from "./workflow-queue.ts";

/** A new run. Inserted unless it is in the hot table or in history already, or its idempotency key is another run's. */
export interface AcceptChange {
  readonly kind: "accept";
  readonly partition: number;
  readonly runId: string;
  /** Order of acceptance within the partition: epoch * 2^32 + counter. */
  readonly sequence: number;
  /** Runs with a higher one start before others of their workflow. */
  readonly priority: number;
  /** True when it waits in the record alone from the beginning, because the head of its queue is full. */
  readonly parked: boolean;
  readonly spec: RunSpec;
  readonly input: RunInput;
  /** Empty for none. */
  readonly idempotencyKey: string;
  readonly gateway: string;
  readonly wantsAnswer: boolean;
  readonly wantsEnd: boolean;
  /** Steps of an earlier run that are its own from the beginning, in order; undefined for nearly all. */
  readonly takenOver?: readonly StepResult[] | undefined;
}

/** What died under a run; `UNKNOWN` for what a release has counted that did not say. */
export type DeathCause = "ENVIRONMENT_DIED" | "WORKER_DIED" | "UNKNOWN";

/**
 * How an attempt of a step came to nothing: its environment or worker died, its runner was not heard of any more or let it go
 * because it heard nothing itself, or the run was cancelled.
 */
export type AttemptLoss = "ENVIRONMENT_DIED" | "WORKER_DIED" | "RUNNER_LOST" | "EXPIRED" | "CANCELLED";

/** An attempt of a step that came to nothing. */
export interface LostAttempt {
  /** Of the step run. */
  readonly path: string;
  readonly assignment: number;
  /** Empty when it is not known. */
  readonly runner: string;
  /** When it was given to the runner, ms since 1970; null when that is not known. */
  readonly startTimeMs: number | null;
  /** When it was last known to be at work, ms since 1970. */
  readonly endTimeMs: number;
  readonly loss: AttemptLoss;
}

/** What has happened to a run that goes on. A commit carries at most one of these or an end for each run. */
export interface UpdateChange {
  readonly kind: "update";
  readonly partition: number;
  readonly runId: string;
  /** `PENDING`: its pause is over, it waits for a runner again. */
  readonly state: "PENDING" | "RUNNING" | "SUSPENDED";
  /** The current assignment from now on. */
  readonly assignment: number;
  /** When the run first started, ms since 1970; null when it has not. */
  readonly startTimeMs: number | null;
  /** A step that has finished, or what ended its pause; null when the change is about the run alone. */
  readonly step: StepResult | null;
  /** When a suspended run goes on, ms since 1970. */
  readonly wakeTimeMs: number | null;
  /** Assignments lost since its last checkpoint because its own environment or worker died, oldest first. */
  readonly deaths: readonly DeathCause[];
  /** Set when it leaves the memory of its owner to wait in the record, or is given to a runner again; undefined: as it was. */
  readonly parked?: boolean | undefined;
  /** For other runs; undefined for nearly all. */
  readonly outbox?: readonly OutboxMessage[] | undefined;
  /** The attempt that was under way in the assignment that is over; undefined for nearly all. */
  readonly lost?: LostAttempt | undefined;
}

/** The end of a run: it leaves the hot table for history, together with its steps. */
export interface EndChange {
  readonly kind: "end";
  readonly partition: number;
  readonly runId: string;
  readonly state: EndState;
  readonly assignment: number;
  readonly startTimeMs: number | null;
  readonly endTimeMs: number;
  /** The last step; null when the run ended without one (a cancel). */
  readonly step: StepResult | null;
  /** Why it ended early: the reason of `pd.flow.exit` or of a cancel; empty for none. */
  readonly exitReason: string;
  /** For other runs; undefined for nearly all. */
  readonly outbox?: readonly OutboxMessage[] | undefined;
  /** The attempt that was under way in the assignment that is over; undefined for nearly all. */
  readonly lost?: LostAttempt | undefined;
  /** True when the record has no earlier step of the run, as its owner knows: nothing has to be looked for. */
  readonly isFirstStep?: boolean | undefined;
}

/** A message of a run to another run's owner is acknowledged: it is sent no more. */
export interface DeliveredChange {
  readonly kind: "delivered";
  readonly partition: number;
  /** The run that sent it. */
  readonly runId: string;
  /** Of the message. */
  readonly id: string;
}

export type Change = AcceptChange | UpdateChange | EndChange | DeliveredChange;

/**
 * A message of a run to the owner of another run, written in the commit that it follows from and sent again until the
 * receiver's commit is acknowledged.
 */
export interface OutboxMessage {
  /** Derives from what it is about, so that it is the same whoever makes it. */
  readonly id: string;
  /** Whom it is for; messages for the same one arrive in their order. */
  readonly target: string;
  /** Order among the messages of a partition; given when the change that sends it is queued for its commit. */
  readonly sequence: number;
  /** Of the sender. */
  readonly partition: number;
  /** The run that sends it. */
  readonly runId: string;
  readonly body: OutboxBody;
  /** Event of a start, data of a result; empty otherwise. */
  readonly payload: Uint8Array;
}

export type OutboxBody =
  | {
      /** Start another workflow of the same project. */
      readonly kind: "START";
      readonly childId: string;
      readonly projectId: string;
      readonly workflowId: string;
      readonly workflowName: string;
      readonly traceId: string;
      readonly timeMs: number;
      readonly parent: ParentRun;
    }
  | {
      /** Resume the run that waits for the sender. */
      readonly kind: "RESUME";
      readonly runId: string;
      readonly workflowId: string;
      readonly path: string;
    }
  | {
      /** Cancel the run that the sender waited for. */
      readonly kind: "CANCEL";
      readonly runId: string;
      readonly workflowId: string;
      readonly reason: string;
    };

/** A group of changes, written in one fenced statement. */
export interface CommitBatch {
  /** The scheduler's incarnation; commit numbers count within it. */
  readonly committer: string;
  /** Repeating a number changes nothing and gives the same outcomes. */
  readonly number: number;
  /** Partitions that the changes belong to, each with the epoch of the writer. */
  readonly epochs: ReadonlyMap<number, number>;
  readonly changes: readonly Change[];
}

/** What became of one `AcceptChange` whose partition was not refused. */
export type AcceptOutcome =
  | { readonly kind: "inserted" }
  /** The run is in the hot table already, or in history (`ended`). */
  | { readonly kind: "exists"; readonly ended: boolean }
  /** The idempotency key belongs to another run. */
  | { readonly kind: "key"; readonly runId: string }
  /** The record cannot hold it, whatever is tried. */
  | { readonly kind: "rejected" };

/** What became of a commit. */
export interface CommitOutcome {
  /** Partitions whose epoch has moved: none of their changes was written, all others were. */
  readonly refused: ReadonlySet<number>;
  /** For each accepted run id that was not refused. */
  readonly accepts: ReadonlyMap<string, AcceptOutcome>;
  /** Runs whose change could not be written for good; empty or absent but for faults of our own. */
  readonly failed?: ReadonlyMap<string, PlatformError>;
}

/** What a new owner finds of a partition. */
export interface LoadedPartition {
  /** Its runs that are neither paused nor parked. */
  readonly rows: readonly LoadedRun[];
  /** Workflows with parked runs. */
  readonly queues: readonly LoadedQueue[];
  readonly shares: readonly QueueShare[];
  /** When the first of its paused runs wakes, ms since 1970; null without any. */
  readonly nextWakeMs: number | null;
  readonly outbox: OutboxTargets;
}

/** The parked runs of one workflow, as a new owner finds them. */
export interface LoadedQueue {
  readonly workflowId: string;
  readonly projectId: string;
  readonly parked: number;
  readonly first: QueueKey;
}

/** A partition's share of the limit of a project's waiting runs. */
export interface QueueShare {
  readonly projectId: string;
  readonly share: number;
}

/** What became of requests for shares. */
export interface ShareOutcome {
  /** In the order of the requests; undefined where a later request came first, or there is no such project. */
  readonly shares: readonly (number | "MOVED" | undefined)[];
  /** Projects of which some partition wants more than there was. */
  readonly wanting: readonly string[];
}

/** Parked runs of a workflow, in the order in which they start. */
export interface QueuePage {
  readonly rows: readonly LoadedRun[];
  /** The first one behind them; undefined when there is none. */
  readonly next: QueueKey | undefined;
}

/** Messages for one target that are not acknowledged yet, oldest first. */
export interface OutboxPage {
  readonly messages: readonly OutboxMessage[];
  /** True when there are more. */
  readonly more: boolean;
}

/** Whom a partition has messages for, in the order of their names. */
export interface OutboxTargets {
  readonly names: readonly string[];
  /** True when there are more. */
  readonly more: boolean;
}

/** Paused runs of a partition that wake by a time. */
export interface WakePage {
  readonly rows: readonly LoadedRun[];
  /** All that wake by then are here or in earlier pages; of those that wake at this very moment, up to `readToId`. */
  readonly readToMs: number;
  readonly readToId: string;
  /** When the next one wakes; null when there is none. */
  readonly nextWakeMs: number | null;
}

/** A run that was looked up because it is not in memory. */
export interface FoundRun {
  /** Undefined when there is no such run. */
  readonly state: RunState | undefined;
  /** The run itself when it is paused or parked. */
  readonly resting: LoadedRun | undefined;
  /** The request that ended the pause that was asked about; undefined for none. */
  readonly resumedBy: string | undefined;
}

/** An unfinished run as an owner finds it. */
export interface LoadedRun {
  readonly partition: number;
  readonly runId: string;
  readonly sequence: number;
  readonly priority: number;
  readonly parked: boolean;
  readonly spec: RunSpec;
  readonly input: RunInput;
  readonly gateway: string;
  readonly wantsAnswer: boolean;
  readonly wantsEnd: boolean;
  readonly state: "PENDING" | "RUNNING" | "SUSPENDED";
  readonly assignment: number;
  readonly startTimeMs: number | null;
  readonly wakeTimeMs: number | null;
  readonly deaths: readonly DeathCause[];
  /** The newest committed execution of each step, in order. */
  readonly steps: readonly StepResult[];
}
