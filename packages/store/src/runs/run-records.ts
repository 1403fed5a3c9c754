import type {
  EndState,
  PauseKind,
  RunInput,
  RunSpec,
  RunState,
  StepFailure,
  StepResponse,
  StepResult,
  StepRunState,
} from "@millrace/core";
import type { Page, PageRequest } from "../definitions/workflow-records.ts";
import type { StepAttempts } from "./step-attempts.ts";

/** One step of a run as people see it; steps of the version that never ran are there too. */
export interface StepRunRecord extends StepAttempts {
  readonly path: string;
  readonly name: string;
  readonly state: StepRunState;
  /** What it produced; null as long as it has not ended. */
  readonly result: StepResult | null;
  /** The assignment that it ran in, which its log lines carry; 0 as long as it has not ended. */
  readonly assignment: number;
  /** Which execution of the step this is, from 1; 0 as long as none has ended. */
  readonly runs: number;
  /** How it has paused the run in its newest execution; null when it has not. */
  readonly pause: StepPause | null;
}

/** A pause of a run behind a step. */
export interface StepPause {
  readonly kind: PauseKind;
  readonly startTimeMs: number;
  /** When the run was to go on by itself, or to be cancelled. */
  readonly wakeTimeMs: number;
  /** Null as long as it lasts. */
  readonly endTimeMs: number | null;
}

/** The newest ended runs of a workflow, newest first. */
export interface WorkflowActivity {
  readonly workflowId: string;
  /** When its newest run was accepted, unfinished ones included; null when it has none. */
  readonly lastRunTimeMs: number | null;
  readonly runs: readonly {
    readonly id: string;
    readonly state: EndState;
    readonly createTimeMs: number;
    readonly durationMs: number;
  }[];
}

/** A run without its steps. */
export interface RunSummary {
  readonly id: string;
  readonly partition: number;
  readonly priority: number;
  readonly projectId: string;
  readonly workflowId: string;
  readonly workflowName: string;
  readonly versionId: string;
  readonly versionNumber: number;
  readonly state: RunState;
  /** The current assignment, or the last one; 0 before the first. */
  readonly assignment: number;
  readonly triggerKind: string;
  readonly traceId: string;
  readonly createTimeMs: number;
  readonly startTimeMs: number | null;
  readonly endTimeMs: number | null;
  /** When it goes on by itself, or is cancelled; null when it is not paused. */
  readonly wakeTimeMs: number | null;
  /** Why it ended early; empty for none. */
  readonly exitReason: string;
  /** The step that failed the run; null when none did. */
  readonly failure: (StepFailure & { readonly path: string; readonly step: string }) | null;
}

/** A run with everything. */
export interface RunRecord extends RunSummary {
  readonly spec: RunSpec;
  readonly input: RunInput;
  /** All steps of the version, in its order. */
  readonly steps: readonly StepRunRecord[];
}

/** A run as a gateway needs it whose `Release` or `Ended` was lost. */
export interface RunStatus {
  readonly id: string;
  readonly partition: number;
  readonly state: RunState;
  readonly assignment: number;
  /** Committed steps, in the order in which they ran. */
  readonly steps: readonly StepStatus[];
}

/** A committed step, light. */
export interface StepStatus {
  readonly path: string;
  readonly executionId: string;
  readonly hasResponse: boolean;
}

/** Which runs to list; what is left out filters nothing. */
export interface RunFilter extends PageRequest {
  readonly projectId: string;
  readonly workflowId?: string;
  readonly states?: readonly RunState[];
  /** Accepted at this time or later. */
  readonly createdFromMs?: number;
  /** Accepted earlier than this. */
  readonly createdBeforeMs?: number;
  /** Number of a version; only together with its workflow (`VERSION_NEEDS_WORKFLOW`). */
  readonly version?: number;
  /** Part of why a run has ended: of its exit reason, or of its failure's type and text; in any case of letters. */
  readonly text?: string;
  /** Ran so long at least, from its start to its end; runs that have not ended do not match. */
  readonly durationMinMs?: number;
  readonly durationMaxMs?: number;
  readonly triggerKind?: string;
  /** Idempotency key that it was accepted under. */
  readonly key?: string;
  /** Only failed runs that nobody has settled. */
  readonly deadLetters?: boolean;
}

/** A page of runs. */
export interface RunPage extends Page<RunSummary> {
  /** True when the search was ended for its time: there may be more in front of the next page than fits this one. */
  readonly partial: boolean;
}

/** Runs as people and gateways read them, unfinished and ended alike. */
export interface Runs {
  /** `RUN_NOT_FOUND`, also for another project's run. A null project sees all. */
  get(projectId: string | null, runId: string): Promise<RunRecord>;
  /** Without the runs that do not exist. */
  getStatus(runIds: readonly string[]): Promise<readonly RunStatus[]>;
  /** Newest first. */
  list(filter: RunFilter): Promise<RunPage>;
  /** As lists show them, of whatever project, in no order; without the runs that do not exist. */
  summarize(runIds: readonly string[]): Promise<readonly RunSummary[]>;
  /** How the newest ended runs of workflows went, in the order of the ids; without those that are not the project's. */
  readActivity(projectId: string, workflowIds: readonly string[]): Promise<readonly WorkflowActivity[]>;
  /** The answer that a committed step gave; undefined when it gave none or is not committed. */
  getStepResponse(runId: string, path: string): Promise<(StepResponse & { readonly executionId: string }) | undefined>;
  /** The end state of a run that has ended, `PENDING` and so on of one that has not; undefined when there is none. */
  getState(runId: string): Promise<RunState | undefined>;
}

/** Where a line came from. */
export type LogStreamName = "stdout" | "stderr" | "error" | "system";

/** Which lines; what is left out chooses nothing. */
export interface LogFilter {
  /** Part of the text, in any case of letters. */
  readonly text?: string;
  readonly streams?: readonly LogStreamName[];
  /** Of the step that wrote it, in any of its executions. */
  readonly path?: string;
}

/** Lines to read. */
export interface LogQuery extends LogFilter {
  readonly after?: LogPosition;
  readonly before?: LogPosition;
  readonly limit?: number;
  /** From the last line on to the first. */
  readonly backward?: boolean;
}

/** One line of a run's log. */
export interface LogRecord {
  readonly runId: string;
  readonly assignment: number;
  /** From 1 within the assignment. */
  readonly sequence: number;
  readonly timeMs: number;
  readonly stream: LogStreamName;
  /** Address of the step run; empty when no step was running. */
  readonly path: string;
  /** A NUL that the code wrote reads as U+2400. */
  readonly text: string;
}

/** A place in a run's log. */
export interface LogPosition {
  readonly assignment: number;
  readonly sequence: number;
}

/** Log lines. They are the one thing that may be lost, so nothing here is fenced. */
export interface Logs {
  /** Keeps lines; those that are there already stay as they are. Returns how many were left out as no run's. */
  insert(lines: readonly LogRecord[]): Promise<number>;
  /** Lines of a run behind a place, in order; or those before a place, the last one first. */
  list(runId: string, options?: LogQuery): Promise<readonly LogRecord[]>;
  /** The last line of each assignment that is kept. */
  last(runId: string): Promise<readonly LogPosition[]>;
}
