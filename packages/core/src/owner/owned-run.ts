import type { Submit } from "../messages.ts";
import type { RunInput } from "../run/run-spec.ts";
import type { RunState } from "../run/run-state.ts";
import type { StepResult } from "../run/step-result.ts";
import { takenSteps } from "../run/taken-over.ts";
import type { DeathCause, LoadedRun, LostAttempt } from "./record.ts";

/**
 * Where a run stands in its owner's memory.
 *
 * - `ACCEPTING`: its insert is in flight; it is not yet a run, and nothing but the commit's outcome touches it.
 * - `PENDING`: waits for a slot.
 * - `ASSIGNING`: the commit of a further assignment number is in flight.
 * - `RUNNING`: assigned; `heardAtMs` says when its runner last spoke for it.
 * - `DOUBT`: loaded at a takeover, possibly assigned: a runner that lists it is adopted, silence makes it pending.
 * - `SUSPENDING`, `RESUMING`, `ENDING`, `CANCELLING`, `PARKING`: the commit of that is in flight. A parked run leaves the memory.
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
  | "PARKING"
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
  "PARKING",
]);

/** Phases in which the run takes no place in its workflow's concurrency limit. */
const PLACELESS: ReadonlySet<Phase> = new Set(["PENDING", "SUSPENDED", "RESUMING", "PARKING", "ACCEPTING"]);

/** Phases in which the run counts towards its workflow's queue. */
const WAITING: ReadonlySet<Phase> = new Set(["ACCEPTING", "PENDING", "PARKING"]);

/** What a run costs in memory beside its payloads, roughly. */
const RUN_OVERHEAD_BYTES = 2_000;

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
  /** Own deaths since its last checkpoint, oldest first. */
  deaths: readonly DeathCause[];
  /** True when the record says that it is parked: it may leave the memory without a commit. */
  parked: boolean;
  /** What it holds in memory while it waits, roughly. */
  bytes: number;
  /** True while the current number may go out without a commit of its own. */
  fresh: boolean;
  /** True once the run is in the record. */
  committed: boolean;
  runner: string;
  runnerIncarnation: string;
  heardAtMs: number;
  /** When the newest copy of its submit came; of interest until it is committed. */
  askedAtMs: number;
  stampMs: number;
  sentAtMs: number;
  /** True once its runner has listed it. */
  started: boolean;
  /** True once the record says that it runs. */
  marked: boolean;
  /** The attempt that was lost with its assignment, until a commit says so. */
  lost?: LostAttempt | undefined;
}

/** A run just submitted. */
export function acceptRun(submit: Submit, sequence: number, askedAtMs: number): OwnedRun {
  const steps = takenSteps(submit);
  return {
    ...unassigned(),
    ...pick(submit),
    sequence,
    askedAtMs,
    steps,
    committedSteps: steps.length,
    bytes: bytesOf(submit.input, steps),
    phase: "ACCEPTING",
    state: "PENDING",
  };
}

/** A run found at a takeover, or paged in. Who waited for its answer was told when it paused. */
export function loadRun(row: LoadedRun): OwnedRun {
  return {
    ...unassigned(),
    ...pick(row),
    wantsAnswer: row.wantsAnswer && !row.steps.some(({ pause }) => pause),
    sequence: row.sequence,
    bytes: bytesOf(row.input, row.steps),
    // What is parked was given to nobody under its number; `RUNNING` comes of releases that knew no parking.
    phase: row.state === "SUSPENDED" ? "SUSPENDED" : row.parked && row.state === "PENDING" ? "PENDING" : "DOUBT",
    parked: row.parked,
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

/** For how long the run's first assignment has lasted, at least 1; 0 when it is not known, or there was another one since. */
export function busyMsOf({ assignment, sentAtMs }: OwnedRun, clock: { nowMs(): number }): number {
  return assignment > 1 || sentAtMs === 0 ? 0 : Math.max(1, Math.round(clock.nowMs() - sentAtMs));
}

/** Time spent in its own finished steps; waiting and suspended time does not count. */
export function ownTimeMs({ steps }: OwnedRun): number {
  const own = steps.filter(({ takenFrom }) => takenFrom === undefined);
  return own.reduce((sum, step) => sum + Math.max(0, step.endTimeMs - step.startTimeMs), 0);
}

/** True while the run counts towards its workflow's queue. */
export function isWaiting(phase: Phase): boolean {
  return WAITING.has(phase);
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
  const { partition, runId, spec, input, priority, gateway, wantsAnswer, wantsEnd } = source;
  return { partition, runId, spec, input, priority, gateway, wantsAnswer, wantsEnd };
}

/** What payloads of a run hold in memory. */
export function bytesOf({ eventJson, contextJson }: RunInput, steps: readonly StepResult[]): number {
  let bytes = RUN_OVERHEAD_BYTES + eventJson.length + contextJson.length;
  for (const { exportsJson, returnValueJson, response, pause, resumption } of steps) {
    bytes += RUN_OVERHEAD_BYTES + exportsJson.length + (returnValueJson?.length ?? 0) + (response?.body.length ?? 0);
    bytes += (pause?.contextJson.length ?? 0) + (resumption?.dataJson.length ?? 0);
  }
  return bytes;
}

function unassigned() {
  return {
    assignment: 1,
    steps: [] as StepResult[],
    committedSteps: 0,
    startTimeMs: null,
    wakeTimeMs: null,
    deaths: [] as readonly DeathCause[],
    parked: false,
    fresh: false,
    committed: false,
    runner: "",
    runnerIncarnation: "",
    heardAtMs: 0,
    askedAtMs: 0,
    stampMs: -1,
    sentAtMs: 0,
    started: false,
    marked: false,
  };
}
