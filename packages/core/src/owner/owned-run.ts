import type { Submit } from "../messages.ts";
import type { RunState } from "../run/run-state.ts";
import type { StepResult } from "../run/step-result.ts";
import type { LoadedRun } from "./record.ts";

/**
 * Where a run stands in its owner's memory.
 *
 * - `ACCEPTING`: its insert is in flight; it is not yet a run, and nothing but the commit's outcome touches it.
 * - `PENDING`: waits for a slot.
 * - `ASSIGNING`: the commit of a further assignment number is in flight.
 * - `RUNNING`: assigned; `heardAtMs` says when its runner last spoke for it.
 * - `DOUBT`: loaded at a takeover, possibly assigned: a runner that lists it is adopted, silence makes it pending.
 * - `SUSPENDING`, `RESUMING`, `ENDING`, `CANCELLING`: the commit of that is in flight.
 * - `SUSPENDED`: paused, and wakes soon; holds no slot. Runs that wake later are not in memory at all.
 */
export type Phase =
  | "ACCEPTING"
  | "PENDING"
  | "ASSIGNING"
  | "RUNNING"
  | "DOUBT"
  | "SUSPENDING"
  | "SUSPENDED"
  | "RESUMING"
  | "ENDING"
  | "CANCELLING";

/** Phases in which a commit in flight decides, and nobody else. */
const IN_FLIGHT: ReadonlySet<Phase> = new Set([
  "ACCEPTING",
  "CANCELLING",
  "ASSIGNING",
  "ENDING",
  "SUSPENDING",
  "RESUMING",
]);

/** Phases in which the run takes no place in its workflow's concurrency limit. */
const PLACELESS: ReadonlySet<Phase> = new Set(["PENDING", "SUSPENDED", "RESUMING", "ACCEPTING"]);

/** An unfinished run in its owner's memory. */
export interface OwnedRun extends Omit<Submit, "idempotencyKey" | "wantsAnswer"> {
  /** False once the run has paused without an answer. */
  wantsAnswer: boolean;
  readonly sequence: number;
  phase: Phase;
  /** State in the record, or in the commit under way. */
  state: RunState;
  assignment: number;
  /** The newest execution of each decided step; the first `committedSteps` of them are committed. */
  steps: StepResult[];
  committedSteps: number;
  startTimeMs: number | null;
  wakeTimeMs: number | null;
  deaths: number;
  /** True while the current number may go out without a commit of its own. */
  fresh: boolean;
  /** True once the run is in the record. */
  committed: boolean;
  runner: string;
  runnerIncarnation: string;
  heardAtMs: number;
  stampMs: number;
  sentAtMs: number;
  /** True once its runner has listed it. */
  started: boolean;
  /** True once the record says that it runs. */
  marked: boolean;
  /** Not offered again before this, after a refusal. */
  notBeforeMs: number;
}

/** A run just submitted. */
export function acceptRun(submit: Submit, sequence: number): OwnedRun {
  return { ...unassigned(), ...pick(submit), sequence, phase: "ACCEPTING", state: "PENDING" };
}

/** A run found at a takeover, or paged in. Who waited for its answer was told when it paused. */
export function loadRun(row: LoadedRun): OwnedRun {
  return {
    ...unassigned(),
    ...pick(row),
    wantsAnswer: row.wantsAnswer && !row.steps.some(({ pause }) => pause),
    sequence: row.sequence,
    phase: row.state === "SUSPENDED" ? "SUSPENDED" : "DOUBT",
    state: row.state,
    assignment: row.assignment,
    steps: [...row.steps],
    committedSteps: row.steps.length,
    startTimeMs: row.startTimeMs,
    wakeTimeMs: row.wakeTimeMs,
    deaths: row.deaths,
    committed: true,
    marked: row.state === "RUNNING",
  };
}

/** True while a commit in flight decides about the run. */
export function isInFlight(run: OwnedRun): boolean {
  return IN_FLIGHT.has(run.phase);
}

/** True while the run takes a place in its workflow's concurrency limit. */
export function holdsPlace(run: OwnedRun): boolean {
  return !PLACELESS.has(run.phase);
}

/** True when the run's workflow has a concurrency limit, so that its environments are killed when not renewed. */
export function isLimited(run: OwnedRun): boolean {
  return run.spec.concurrencyLimit > 0;
}

function pick(source: Submit | LoadedRun) {
  const { partition, runId, spec, input, gateway, wantsAnswer, wantsEnd } = source;
  return { partition, runId, spec, input, gateway, wantsAnswer, wantsEnd };
}

function unassigned() {
  return {
    assignment: 1,
    steps: [] as StepResult[],
    committedSteps: 0,
    startTimeMs: null,
    wakeTimeMs: null,
    deaths: 0,
    fresh: false,
    committed: false,
    runner: "",
    runnerIncarnation: "",
    heardAtMs: 0,
    stampMs: -1,
    sentAtMs: 0,
    started: false,
    marked: false,
    notBeforeMs: 0,
  };
}
