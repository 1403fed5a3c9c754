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
  readonly pause?: { readonly wakeTimeMs: number } | undefined;
  readonly startTimeMs: number;
  readonly endTimeMs: number;
  readonly lastLogSequence: number;
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
}
