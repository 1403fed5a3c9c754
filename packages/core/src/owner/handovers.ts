import type { PartitionRelease } from "../messages.ts";
import { isInFlight, isLimited, type OwnedRun } from "./owned-run.ts";
import type { OwnerState } from "./owner-state.ts";
import type { PartitionState } from "./partition-state.ts";

/** How long the word of a former owner is kept for whoever takes the partition next. */
const KEPT_MS = 10_000;
/** Most runs and places that a release names; beyond it the next owner finds out by itself. */
const NAMES_MAX = 10_000;

/**
 * What owners tell each other when a partition moves while both live: which of its runs may have a runner. The next owner
 * starts the others at once, each under a further number as after any takeover, and waits only where it must: for the
 * runners to speak for those that are named, and for places in limits whose environments may still live.
 */
export class Handovers {
  private readonly state: OwnerState;
  private readonly heard = new Map<number, { readonly release: PartitionRelease; readonly atMs: number }>();

  constructor(state: OwnerState) {
    this.state = state;
  }

  /** Lets partitions go and tells who may take them what they need not wait for. */
  release(partitions: readonly number[]): void {
    const releases: PartitionRelease[] = [];
    let names = 0;
    for (const partition of partitions) {
      const part = this.state.owned.get(partition);
      this.state.drop(partition);
      if (!part) continue;
      const release = this.describe(part);
      names += release.runIds.length + release.places.length;
      if (names <= NAMES_MAX) releases.push(release);
    }
    if (releases.length > 0) this.state.port.tellReleased({ releases });
  }

  private describe(part: PartitionState): PartitionRelease {
    const { timing, port } = this.state;
    const nowMs = port.nowMs();
    const lingering = [...part.workflows.values()].flatMap(({ workflowId, linger }) =>
      [...linger.keys()].map((key) => ({ workflowId, handing: handingOfKey(part.partition, key) })),
    );
    const places = [...lingering, ...[...part.runs.values()].filter(isBeingCancelled).map(placeOf)];
    const given = [...part.runs.values()].filter(mayHaveRunner);
    return {
      owner: part.stamp,
      runIds: given.map(({ runId }) => runId),
      runners: given.map(({ runner }) => runner),
      places,
      knowsPlaces: part.knowsPlaces || nowMs >= part.sinceMs + timing.limitedWaitMs,
    };
  }

  /** A former owner speaks, perhaps after its partition was taken already. */
  onReleased(releases: readonly PartitionRelease[]): void {
    const atMs = this.state.port.nowMs();
    for (const release of releases) {
      this.heard.set(release.owner.partition, { release, atMs });
      const part = this.state.owned.get(release.owner.partition);
      if (part) this.apply(part);
    }
  }

  /** Believes what the owner of the epoch before has said of a partition that is ours now. */
  apply(part: PartitionState): void {
    const known = this.heard.get(part.partition);
    if (known?.release.owner.epoch !== part.stamp.epoch - 1) return;
    this.heard.delete(part.partition);
    const { runIds, runners, places, knowsPlaces } = known.release;
    const named = new Map(runIds.map((runId, i) => [runId, runners[i] ?? ""]));
    const lingerUntilMs = this.state.port.nowMs() + this.state.timing.limitedWaitMs;
    for (const { workflowId, handing } of places) {
      // A cancel that came to nothing has left the run, and that has the place.
      if (!part.runs.has(handing.runId)) part.queueOf(workflowId).linger.set(lingerKey(handing), lingerUntilMs);
    }
    part.knowsPlaces = knowsPlaces;
    for (const run of part.runs.values()) {
      if (run.phase !== "DOUBT") continue;
      const runner = named.get(run.runId);
      if (runner !== undefined) run.runner = runner;
      else if (knowsPlaces || !isLimited(run)) this.state.giveUp(part, run);
    }
  }

  /** Forgets what nobody has asked about. */
  sweep(nowMs: number): void {
    for (const [partition, { atMs }] of this.heard) if (nowMs - atMs > KEPT_MS) this.heard.delete(partition);
  }
}

/**
 * In one of these an environment may have been told to start, and nothing has said that it is gone. Of one whose next number is
 * being committed nobody is told any more: that was to be done by the owner that lets it go.
 */
function mayHaveRunner(run: OwnedRun): boolean {
  if (run.phase === "ACCEPTING" || run.phase === "RESUMING" || run.phase === "ASSIGNING") return false;
  return isInFlight(run) || run.phase === "RUNNING" || run.phase === "DOUBT";
}

/** Its cancel may be in the record when the next owner reads it, while its environment still lives. */
function isBeingCancelled(run: OwnedRun): boolean {
  return run.phase === "CANCELLING" && isLimited(run);
}

function placeOf({ partition, runId, assignment, spec }: OwnedRun): PartitionRelease["places"][number] {
  return { workflowId: spec.workflowId, handing: { partition, runId, assignment } };
}

/** Key of an assignment in a workflow's lingering places. */
export function lingerKey({
  runId,
  assignment,
}: Pick<PartitionRelease["places"][number]["handing"], "runId" | "assignment">): string {
  return `${runId}/${assignment}`;
}

function handingOfKey(partition: number, key: string) {
  const [runId = "", assignment] = key.split("/");
  return { partition, runId, assignment: Number(assignment) };
}
