/**
 * Attempts of a step that came to nothing. Only they are written down: of the one that ends a step its own row tells. The commit
 * that follows from the loss carries it (the next assignment's, or the run's end), so that nothing is written for a run that goes well.
 */
import type { GoneCause } from "../messages.ts";
import { nextStepPath } from "../run/steps.ts";
import type { OwnedRun } from "./owned-run.ts";
import type { OwnerPort } from "./owner-port.ts";
import type { AttemptLoss, EndChange, UpdateChange } from "./record.ts";

/** What a runner's word about a run that is gone means for the step that it was in; with other words no step was under way. */
const LOSSES: ReadonlyMap<GoneCause, AttemptLoss> = new Map([
  ["ENVIRONMENT_DIED", "ENVIRONMENT_DIED"],
  ["WORKER_DIED", "WORKER_DIED"],
  ["EXPIRED", "EXPIRED"],
]);

/** Clocks of the owner: the monotonic one for what it has sent and heard, the wall's for people. */
type Clocks = Pick<OwnerPort, "nowMs" | "wallMs">;

/** The run's assignment is gone, as its runner says. */
export function loseByWord(run: OwnedRun, cause: GoneCause, clocks: Clocks): void {
  const loss = LOSSES.get(cause);
  if (loss) lose(run, loss, clocks.wallMs(), clocks);
}

/** The runner of the run's assignment is silent: it was last known to work when it was last heard of. */
export function loseInSilence(run: OwnedRun, clocks: Clocks): void {
  lose(run, "RUNNER_LOST", run.phase === "RUNNING" ? wallOf(run.heardAtMs, clocks) : clocks.wallMs(), clocks);
}

/** The run is cancelled while a runner has it. */
export function loseByCancel(run: OwnedRun, clocks: Clocks): void {
  if (run.phase === "RUNNING") lose(run, "CANCELLED", clocks.wallMs(), clocks);
}

/** Of a run that was found and never heard of, only what the record says of it is known: one that was merely accepted may never have begun. */
function lose(run: OwnedRun, loss: AttemptLoss, endTimeMs: number, clocks: Clocks): void {
  const path = nextStepPath(run);
  // Behind a checkpoint that is not committed yet no step has begun.
  if (run.committedSteps < run.steps.length) return;
  if (path === undefined || (run.phase === "DOUBT" && run.state !== "RUNNING")) return;
  const began = beganAt(run, clocks);
  const startTimeMs = began === null ? null : Math.min(began, endTimeMs);
  run.lost = { path, assignment: run.assignment, runner: run.runner, startTimeMs, endTimeMs, loss };
}

/**
 * When the attempt began: with its assignment, or behind the step before it. A former owner's first assignment began with the
 * run; of its later ones nobody knows.
 */
function beganAt(run: OwnedRun, clocks: Clocks): number | null {
  const before = run.steps.findLast(({ takenFrom }) => takenFrom === undefined)?.endTimeMs ?? null;
  if (run.sentAtMs > 0) return Math.max(wallOf(run.sentAtMs, clocks), before ?? 0);
  return run.assignment === 1 ? (before ?? run.startTimeMs) : null;
}

function wallOf(timeMs: number, clocks: Clocks): number {
  return Math.round(clocks.wallMs() - (clocks.nowMs() - timeMs));
}

/**
 * The change with the lost attempt that it settles. An attempt that was given up may come to an end after all, as long as no
 * other was made: then there was no loss.
 */
export function withLoss<C extends UpdateChange | EndChange>(run: OwnedRun, change: C): C {
  const { lost } = run;
  if (!lost) return change;
  const isEnded = change.step?.path === lost.path && change.step.failure?.cause !== "POISON";
  if (!isEnded && change.kind === "update" && change.assignment === lost.assignment) return change;
  run.lost = undefined;
  return isEnded ? change : { ...change, lost };
}
