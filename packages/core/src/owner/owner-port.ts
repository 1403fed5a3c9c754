import type { Accepted, Assign, Cancelled, Committed, Ended, Reassigned, Release, Renew } from "../messages.ts";
import type { CommitBatch } from "./record.ts";

/** Messages of an owner to a gateway, by kind. */
export interface GatewayMessages {
  accepted: Accepted;
  release: Release;
  reassigned: Reassigned;
  ended: Ended;
  cancelled: Cancelled;
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
  /** Call `flush` soon, once whatever is being handled has been handled. */
  flushSoon(): void;
  /** Write a commit, repeating it under its number until its outcome is known → `onCommitted`. */
  commit(batch: CommitBatch): void;
  /** Raise the epochs of these partitions, then load them in a new snapshot → `onTaken`. */
  take(partitions: readonly number[]): void;
  /** Write this scheduler's lease, then read all living ones → `onLease`; nothing when it fails. */
  putLease(holds: readonly number[]): void;
  /** Look a run up that is not in memory → `onRunState`. */
  readRunState(partition: number, runId: string, gateway: string): void;
}
