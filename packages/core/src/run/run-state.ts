/** States of a run and of a step run (`SKIPPED` is a step run's alone). */
export type RunState = "PENDING" | "RUNNING" | "SUSPENDED" | "SUCCEEDED" | "FAILED" | "CANCELLED";
export type StepRunState = RunState | "SKIPPED";

/** States in which a run has ended for good. */
export type EndState = "SUCCEEDED" | "FAILED" | "CANCELLED";

/** The transition table: the only ways in which a run's state moves. */
const TRANSITIONS: Readonly<Record<RunState, readonly RunState[]>> = {
  PENDING: ["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED", "SUSPENDED"],
  RUNNING: ["RUNNING", "SUSPENDED", "SUCCEEDED", "FAILED", "CANCELLED"],
  SUSPENDED: ["PENDING", "RUNNING", "SUCCEEDED", "CANCELLED"],
  SUCCEEDED: [],
  FAILED: [],
  CANCELLED: [],
};

/**
 * True when a run may move from one state to the other. `PENDING` ends directly when its marks ride on one commit, and
 * `SUSPENDED` when no step is left behind the pause.
 */
export function mayMove(from: RunState, to: RunState): boolean {
  return TRANSITIONS[from].includes(to);
}

/** True for states that nothing leaves. */
export function isEndState(state: RunState): state is EndState {
  return TRANSITIONS[state].length === 0;
}
