/**
 * The messages between gateways, owners and runners, as the brains see them. The meaning of each field and what makes a
 * second copy harmless is in `proto/millrace/control/v1/control.proto`; `bus` converts to and from the wire.
 */
import type { RunInput, RunSpec } from "./run/run-spec.ts";
import type { RunState } from "./run/run-state.ts";
import type { StepResponse, StepResult, TmpSnapshot } from "./run/step-result.ts";

/** An owner of a partition with its fence. */
export interface Owner {
  readonly scheduler: string;
  readonly partition: number;
  readonly epoch: number;
}

/** One handing of a run to a runner. */
export interface Handing {
  readonly partition: number;
  readonly runId: string;
  readonly assignment: number;
  /** From runners: proves to whoever did not send the `Assign` that this runner got it. */
  readonly seal?: Buffer | undefined;
}

export interface Submit {
  readonly partition: number;
  readonly runId: string;
  readonly spec: RunSpec;
  readonly input: RunInput;
  /** Higher ones start before others of their workflow. */
  readonly priority: number;
  readonly idempotencyKey: string;
  readonly gateway: string;
  readonly wantsAnswer: boolean;
  readonly wantsEnd: boolean;
  /** Of a replay that begins at a later step: what stands for the steps above it, in order; undefined for nearly all. */
  readonly takenOver?: readonly StepResult[] | undefined;
}

/** Why a run is not accepted. */
export type SubmitRefusal = "QUEUE_FULL" | "PROJECT_QUEUE_FULL" | "UNAVAILABLE";
export type SubmitOutcome = "ACCEPTED" | SubmitRefusal;

export interface Accepted {
  readonly owner: Owner;
  readonly runId: string;
  readonly actualRunId: string;
  readonly outcome: SubmitOutcome;
}

export interface Assign {
  readonly owner: Owner;
  readonly runId: string;
  readonly assignment: number;
  readonly spec: RunSpec;
  readonly input: RunInput;
  /** Committed steps in order. */
  readonly doneSteps: readonly StepResult[];
  readonly runnerIncarnation: string;
  /** Of the runner's newest heartbeat that the owner had, ms on the runner's monotonic clock. */
  readonly stampMs: number;
  readonly gateway: string;
  readonly runTimeLeftMs: number;
  /** Set when the run goes on after a pause. */
  readonly turn?: Turn | undefined;
  /** What the run had in /tmp; undefined when it had nothing there. */
  readonly tmp?: TmpSnapshot | undefined;
  /** What the runner repeats in each `Handing`; the brains carry it only. */
  readonly seal?: Buffer | undefined;
  /** Further runs of the same project that wait at this owner for the runner's pool. */
  readonly waiting: number;
}

/** What the first step after a pause is told. */
export interface Turn {
  /** Address of the step run to come. */
  readonly path: string;
  /** Number of that execution of the step, from 1. */
  readonly runs: number;
  /** What the execution before it passed on, as JSON; empty for none. */
  readonly contextJson: Uint8Array;
  /** What ended the pause; empty when the run goes on by itself. */
  readonly resumeJson: Uint8Array;
}

export interface Refused {
  readonly handing: Handing;
  readonly runner: string;
  readonly stampMs: number;
  readonly neverStarted: boolean;
  /** What the owner's scheduler may use at this runner, as in `SlotOffer`. */
  readonly slots: number;
}

/** Why a run is no longer executed at a runner. */
export type GoneCause = "ENDED" | "KILLED" | "EXPIRED" | "REFUSED" | "ENVIRONMENT_DIED" | "WORKER_DIED" | "HANDED_BACK";

export interface HeldRun {
  readonly handing: Handing;
  readonly path: string;
  readonly lastLogSequence: number;
}

export interface GoneRun {
  readonly handing: Handing;
  readonly cause: GoneCause;
}

export interface WarmVersion {
  readonly versionId: string;
  readonly idle: number;
}

export interface Heartbeat {
  readonly runner: string;
  /** Later incarnations of a runner sort higher. */
  readonly incarnation: string;
  readonly stampMs: number;
  readonly pool: string;
  readonly slotsTotal: number;
  readonly slotsFree: number;
  readonly pythonMinors: readonly string[];
  readonly held: readonly HeldRun[];
  readonly gone: readonly GoneRun[];
  readonly warmVersions: readonly WarmVersion[];
  readonly draining: boolean;
  /** True when it drains only because none of its workers is ready; nothing is decided by it. */
  readonly starting?: boolean;
  /** Of the runner and all that it runs; shown only. */
  readonly memoryBytes?: number;
  /** Steps since its start whose environment was new to their version; shown only. */
  readonly coldStarts?: number;
  /** True when environments have lately ended because other versions needed their places. */
  readonly crowded?: boolean;
  readonly labels: readonly string[];
  /** By scheduler; none for one that the runner does not know yet. */
  readonly offers: readonly SlotOffer[];
  /** False of releases before offers, where whoever comes first gets a slot. */
  readonly offersSlots: boolean;
}

/** Slots of a runner that one scheduler may use, those in use included. */
export interface SlotOffer {
  readonly scheduler: string;
  readonly slots: number;
}

/** What a scheduler may use has changed between two heartbeats. */
export interface Offer {
  readonly runner: string;
  readonly incarnation: string;
  readonly stampMs: number;
  readonly slots: number;
}

/** Runs of one project that wait at a scheduler for the pool of a runner. */
export interface Demand {
  readonly projectId: string;
  readonly waiting: number;
}

/** A partition as its owner has left it, in good order. */
export interface PartitionRelease {
  readonly owner: Owner;
  /** Runs that may have a runner; no others have one. */
  readonly runIds: readonly string[];
  /** For each of those the runner that may have it, empty where that is not known; none at all of earlier releases. */
  readonly runners: readonly string[];
  /** Places in concurrency limits whose environments may still live. */
  readonly places: readonly { readonly workflowId: string; readonly handing: Handing }[];
  /** True when those are all. */
  readonly knowsPlaces: boolean;
}

export interface PartitionsReleased {
  readonly releases: readonly PartitionRelease[];
}

/** A scheduler owns these partitions from now on. */
export interface OwnersMoved {
  readonly owners: readonly Owner[];
}

export interface Renew {
  readonly scheduler: string;
  readonly owners: readonly Owner[];
  readonly runnerIncarnation: string;
  /** 0 for an order of the owner's own. */
  readonly stampMs: number;
  readonly renew: readonly Handing[];
  readonly kill: readonly Handing[];
  readonly demand: readonly Demand[];
}

export interface Checkpoint {
  readonly handing: Handing;
  readonly runner: string;
  readonly runnerIncarnation: string;
  readonly result: StepResult;
}

export type AfterCommit = "NEXT" | "END" | "SUSPEND";

export interface Committed {
  readonly owner: Owner;
  readonly handing: Handing;
  readonly runnerIncarnation: string;
  readonly path: string;
  readonly then: AfterCommit;
}

export interface Answer {
  readonly handing: Handing;
  readonly path: string;
  readonly response: StepResponse;
  /** For how long the run's first assignment has lasted, at least 1; 0 when it is not known, or the run has paused or been assigned again. */
  readonly busyMs: number;
}

export interface Release {
  readonly owner: Owner;
  readonly runId: string;
  readonly path: string;
  readonly executionId: string;
  /** Undefined when it is too large for a message of its own: the record has it. */
  readonly response: StepResponse | undefined;
  /** For how long the run's first assignment has lasted, at least 1; 0 when it is not known, or the run has paused or been assigned again. */
  readonly busyMs: number;
}

export interface Reassigned {
  readonly owner: Owner;
  readonly runId: string;
  readonly assignment: number;
}

export interface Ended {
  readonly owner: Owner;
  readonly runId: string;
  readonly state: RunState;
  /** Address of the step whose answer was the run's; empty for none. */
  readonly responsePath: string;
  /** For how long the run's first assignment has lasted, at least 1; 0 when it is not known, or the run has paused or been assigned again. */
  readonly busyMs: number;
}

export interface Cancel {
  readonly partition: number;
  readonly runId: string;
  readonly gateway: string;
  readonly reason: string;
}

export interface Cancelled {
  readonly owner: Owner;
  readonly runId: string;
  /** Undefined when there is no such run. */
  readonly state: RunState | undefined;
}

export type ResumeAction = "RESUME" | "CANCEL";

export interface Resume {
  readonly partition: number;
  readonly runId: string;
  /** Of the step run whose pause is meant; empty for whichever the run is in. */
  readonly path: string;
  readonly requestId: string;
  readonly gateway: string;
  readonly action: ResumeAction;
  readonly dataJson: Uint8Array;
  readonly reason: string;
}

export type ResumeOutcome = "DONE" | "EARLY" | "OVER" | "ENDED" | "UNKNOWN" | "TOO_LARGE";

export interface Resumed {
  readonly owner: Owner;
  readonly runId: string;
  readonly requestId: string;
  readonly outcome: ResumeOutcome;
  /** Undefined when there is no such run. */
  readonly state: RunState | undefined;
}
