import type {
  Accepted,
  Assign,
  Cancel,
  Cancelled,
  Committed,
  Ended,
  PartitionsReleased,
  Reassigned,
  Release,
  Renew,
  Resume,
  Resumed,
  SubmitOutcome,
} from "../messages.ts";
import type { CommitBatch, OutboxMessage } from "./record.ts";
import type { QueueKey } from "./workflow-queue.ts";

/** What a run is looked up for when it is not in memory. */
export type RunRequest =
  { readonly kind: "cancel"; readonly message: Cancel } | { readonly kind: "resume"; readonly message: Resume };

/** Messages of an owner to a gateway, by kind. */
export interface GatewayMessages {
  accepted: Accepted;
  release: Release;
  reassigned: Reassigned;
  ended: Ended;
  cancelled: Cancelled;
  resumed: Resumed;
}

/** Messages of an owner to a runner, by kind. */
export interface RunnerMessages {
  assign: Assign;
  renew: Renew;
  committed: Committed;
}

/**
 * Everything that an owner does to the world. Each call returns at once; what comes of it is told by the method of
 * `Owner` named beside it. The scheduler process implements it on NATS and Postgres, the simulation in memory.
 */
export interface OwnerPort {
  /** Monotonic clock in ms. */
  nowMs(): number;
  /** Wall clock in ms since 1970, for times that people read. */
  wallMs(): number;
  /** May be lost, like every message. */
  toGateway<K extends keyof GatewayMessages>(gateway: string, kind: K, message: GatewayMessages[K]): void;
  /** May be lost, like every message. */
  toRunner<K extends keyof RunnerMessages>(runner: string, kind: K, message: RunnerMessages[K]): void;
  /** What became of a submit is known; for traces. */
  submitSettled(runId: string, outcome: SubmitOutcome): void;
  /** Call `flush` soon, once whatever is being handled has been handled. */
  flushSoon(): void;
  /** Call `flush` after a moment, unless it is called before: what nobody waits for may share a commit with what comes next. */
  flushLater(): void;
  /** Write a commit, repeating it under its number until its outcome is known → `onCommitted`. */
  commit(batch: CommitBatch): void;
  /** Raise the epochs of these partitions, then load them in a new snapshot → `onTaken`. */
  take(partitions: readonly number[]): void;
  /**
   * Write this scheduler's lease, then read all living ones → `onLease`; nothing when it fails. When it is settled, because all that
   * it names is owned, a scheduler that knows itself to be alone need not read every time → `onLeaseKept`.
   */
  putLease(holds: readonly number[], isSettled: boolean): void;
  /** To every other scheduler; may be lost. */
  tellReleased(message: PartitionsReleased): void;
  /** Look a run up that is not in memory → `onRunFound`; nothing when it fails. */
  findRun(partition: number, epoch: number, request: RunRequest): void;
  /** Read paused runs that wake after `readToMs` of their partition and until then, earliest first → `onPaged`. */
  page(partitions: ReadonlyMap<number, WakeQuery>, untilMs: number): void;
  /** Take or give back shares of projects' limits, and ask who wants more → `onSharesLeased`. */
  leaseShares(requests: readonly ShareRequest[]): void;
  /** Look up whether submits are in the record → `onSubmitsFound`. */
  findSubmits(queries: readonly SubmitQuery[]): void;
  /** Read parked runs → `onQueuesPaged`. */
  pageQueues(queries: readonly QueueQuery[]): void;
  /** Send a message to the owner of another run; may be lost → `onUndeliverable` when it can never arrive. */
  deliver(message: OutboxMessage): void;
  /** Read messages for targets → `onOutboxRead`. */
  readOutbox(queries: readonly OutboxQuery[]): void;
  /** Read whom a partition has messages for, behind a name → `onOutboxTargets`. */
  readOutboxTargets(partition: number, epoch: number, beyond: string): void;
}

/** Which messages of a partition's outbox are wanted. */
export interface OutboxQuery {
  readonly partition: number;
  readonly epoch: number;
  readonly target: string;
  /** Those behind this one. */
  readonly after: number;
  readonly messagesMax: number;
  /** Of payloads; the first one comes whatever its size. */
  readonly bytesMax: number;
}

/** Where to go on with paging in a partition's paused runs: behind this moment, and at it behind this id. */
export interface WakeQuery {
  readonly epoch: number;
  readonly readToMs: number;
  readonly readToId: string;
}

/** What a partition's share of a project's limit shall be. */
export interface ShareRequest {
  readonly partition: number;
  readonly epoch: number;
  readonly projectId: string;
  /** Of two requests about the same share the one with the higher number holds. */
  readonly number: number;
  /** With less, somebody is turned away. */
  readonly needed: number;
  /** At most so much. */
  readonly wanted: number;
}

/** A submit that is looked up before it is refused. */
export interface SubmitQuery {
  readonly partition: number;
  readonly runId: string;
  readonly workflowId: string;
  /** Empty for none. */
  readonly idempotencyKey: string;
}

/** Where to go on with paging in the parked runs of a workflow. */
export interface QueueQuery {
  readonly partition: number;
  readonly epoch: number;
  readonly workflowId: string;
  /** The first one that is wanted. */
  readonly from: QueueKey;
  /** Most runs. */
  readonly runsMax: number;
  /** Most bytes of their payloads; the first one comes whatever its size. */
  readonly bytesMax: number;
}
