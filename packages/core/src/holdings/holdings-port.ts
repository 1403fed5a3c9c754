import type { Answer, Assign, Checkpoint, Handing, Heartbeat, Offer, Refused } from "../messages.ts";

/** An assignment whose life was renewed. */
export interface RenewedLife {
  readonly handing: Handing;
  /** From now on, in ms. */
  readonly lifeMs: number;
}

/** Everything that a runner's brain does to the world; each call returns at once. */
export interface HoldingsPort {
  /** Monotonic clock in ms. */
  nowMs(): number;
  /** To every scheduler; may be lost. */
  heartbeat(beat: Heartbeat): void;
  /** To the owner of the run's partition; may be lost, is repeated. */
  checkpoint(message: Checkpoint): void;
  /** To the owner of the run's partition; may be lost. */
  refuse(message: Refused): void;
  /** To one scheduler; may be lost, heartbeats say it again. */
  offer(scheduler: string, message: Offer): void;
  /** To a waiting gateway; may be lost. */
  answer(gateway: string, message: Answer): void;
  /** Execute a run on a worker; the assignment lives for `lifeMs` from now on. */
  start(assign: Assign, lifeMs: number, killAtEndOfLife: boolean): void;
  /** The step's checkpoint is committed: run the next one. */
  proceed(handing: Handing, path: string): void;
  /** The run has ended; its environment stays warm. */
  end(handing: Handing): void;
  /** End the run's environment at once. */
  kill(handing: Handing): void;
  /** Assignments go on living. */
  renew(lives: readonly RenewedLife[]): void;
  /** What the heartbeat says of the runner itself. */
  describe(): RunnerDescription;
}

/** What changes about a runner from heartbeat to heartbeat, beside its runs. */
export type RunnerDescription = Pick<
  Heartbeat,
  "slotsTotal" | "pythonMinors" | "warmVersions" | "memoryBytes" | "coldStarts" | "crowded"
> & {
  /** False while no worker can take a run. */
  readonly ready: boolean;
  /** Runs that it may hold while their steps are short; `slotsTotal` unless told. */
  readonly shortRunsMax?: number;
};
