/** What one step of a run produced; the meaning of each field is in `proto/millrace/worker/v1/step.proto`. */
export interface StepResult {
  readonly path: string;
  readonly name: string;
  readonly executionId: string;
  /** Empty means no exports. */
  readonly exportsJson: Uint8Array;
  readonly returnValueJson?: Uint8Array | undefined;
  readonly response?: StepResponse | undefined;
  readonly exit?: { readonly reason: string } | undefined;
  readonly failure?: StepFailure | undefined;
  readonly pause?: Pause | undefined;
  /** Workflows that it starts; they leave it when it is decided, as messages beside its commit. */
  readonly children?: readonly ChildStart[] | undefined;
  /** What ended its pause; undefined as long as it lasts, and when the run went on by itself. */
  readonly resumption?: Resumption | undefined;
  /** What is in /tmp from now on, when that has changed. */
  readonly tmp?: TmpSnapshot | undefined;
  /** The run that it ran in, when a replay has taken it over; undefined for a step of the run itself. */
  readonly takenFrom?: string | undefined;
  /** Most memory of its environment until its end; undefined when nobody asked. */
  readonly peakMemoryBytes?: number | undefined;
  readonly startTimeMs: number;
  readonly endTimeMs: number;
  readonly lastLogSequence: number;
}

/** What a run has in /tmp. */
export interface TmpSnapshot {
  /** A reference to the saved files; empty when there are none, or when they were not saved. */
  readonly content: Uint8Array;
  /** Why they were not saved; empty when they were. */
  readonly unsaved: string;
}

export type PauseKind = "DELAY" | "SUSPEND" | "RERUN" | "CHILD";

/** A pause of the run at the end of a step. */
export interface Pause {
  readonly kind: PauseKind;
  /** When the run goes on by itself or, for a suspend and a wait, when its time is over; ms since 1970. */
  readonly wakeTimeMs: number;
  readonly onTimeout: "RESUME" | "CANCEL";
  /** Of a rerun: for the next execution, JSON in UTF-8; empty for none. */
  readonly contextJson: Uint8Array;
  /** Of a rerun: executions after the first, at most. */
  readonly maxRetries: number;
  /** Of a wait: which of the step's children; 0 for none. */
  readonly childNumber: number;
  /** Of a wait: the run that is waited for; known once the step is decided. */
  readonly child?: ChildRun | undefined;
}

/** A run that another one has started. */
export interface ChildRun {
  readonly runId: string;
  readonly workflowId: string;
  readonly workflowName: string;
}

/** A workflow that a step starts. */
export interface ChildStart {
  /** Number of the call within the step's execution, from 1. */
  readonly number: number;
  readonly workflowId: string;
  readonly workflowName: string;
  readonly eventJson: Uint8Array;
  readonly callTimeMs: number;
}

/** The end of a pause by a request: a row of its own in the record, behind its step. */
export interface Resumption {
  /** Of the request: a second copy of it is answered like the first. */
  readonly requestId: string;
  readonly timeMs: number;
  /** What later steps find in the paused one, as one JSON object in UTF-8. */
  readonly dataJson: Uint8Array;
}

export type FailureCause =
  | "EXCEPTION"
  | "STEP_TIMEOUT"
  | "RUN_TIMEOUT"
  | "OUT_OF_MEMORY"
  | "PROCESS_EXITED"
  | "PROCESS_KILLED"
  | "PAYLOAD_TOO_LARGE"
  | "POISON";

export interface StepFailure {
  readonly cause: FailureCause;
  readonly type: string;
  readonly message: string;
  readonly traceback: string;
  /** 0 when unknown. */
  readonly line: number;
}

export interface StepResponse {
  readonly status: number;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly body: Uint8Array;
  readonly immediate: boolean;
  /** True when `body` is a reference to the body's bytes. */
  readonly bodyIsReference?: boolean | undefined;
}
