/**
 * What an owner writes into the record and reads back: the port between the scheduler's brain and the database.
 * `store` implements it on Postgres, the simulation in memory.
 */
import type { PlatformError } from "../errors.ts";
import type { RunSpec, RunInput } from "../run/run-spec.ts";
import type { EndState } from "../run/run-state.ts";
import type { StepResult } from "../run/step-result.ts";

/** A new run. Inserted unless it is in the hot table or in history already, or its idempotency key is another run's. */
export interface AcceptChange {
  readonly kind: "accept";
  readonly partition: number;
  readonly runId: string;
  /** Order of acceptance within the partition: epoch * 2^32 + counter. */
  readonly sequence: number;
  readonly spec: RunSpec;
  readonly input: RunInput;
  /** Empty for none. */
  readonly idempotencyKey: string;
  readonly gateway: string;
  readonly wantsAnswer: boolean;
  readonly wantsEnd: boolean;
}

/** What has happened to a run that goes on. A commit carries at most one of these or an end for each run. */
export interface UpdateChange {
  readonly kind: "update";
  readonly partition: number;
  readonly runId: string;
  readonly state: "RUNNING" | "SUSPENDED";
  /** The current assignment from now on. */
  readonly assignment: number;
  /** When the run first started, ms since 1970; null when it has not. */
  readonly startTimeMs: number | null;
  /** A step that has finished; null when the change is about the run alone. */
  readonly step: StepResult | null;
  /** When a suspended run goes on, ms since 1970. */
  readonly wakeTimeMs: number | null;
  /** Assignments lost because the run's own environment or worker died. */
  readonly deaths: number;
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
}

export type Change = AcceptChange | UpdateChange | EndChange;

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

/** An unfinished run as a new owner finds it. */
export interface LoadedRun {
  readonly partition: number;
  readonly runId: string;
  readonly sequence: number;
  readonly spec: RunSpec;
  readonly input: RunInput;
  readonly gateway: string;
  readonly wantsAnswer: boolean;
  readonly wantsEnd: boolean;
  readonly state: "PENDING" | "RUNNING" | "SUSPENDED";
  readonly assignment: number;
  readonly startTimeMs: number | null;
  readonly wakeTimeMs: number | null;
  readonly deaths: number;
  /** Committed steps, in the order in which they ran. */
  readonly steps: readonly StepResult[];
}
