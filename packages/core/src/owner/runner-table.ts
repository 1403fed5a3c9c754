import type { Heartbeat } from "../messages.ts";
import type { Timing } from "../timing.ts";
import type { OwnedRun } from "./owned-run.ts";

/** What an owner knows of a runner from its newest heartbeat and from what it has given it since. */
export interface RunnerEntry {
  readonly heartbeat: Heartbeat;
  readonly receivedAtMs: number;
  /** Runs of this scheduler that it holds. */
  readonly mine: Set<OwnedRun>;
  /** Runs of other schedulers that it holds, as of the heartbeat. */
  readonly others: number;
  /** Idle environments by version, reckoned forward from the heartbeat. */
  readonly warm: Map<string, number>;
  /** Set after a refusal: no offer until the next heartbeat. */
  full: boolean;
}

/** The runners that a scheduler hears of, and the choice among their free slots. */
export class RunnerTable {
  private readonly entries = new Map<string, RunnerEntry>();
  private readonly timing: Timing;

  constructor(timing: Timing) {
    this.timing = timing;
  }

  get(runner: string): RunnerEntry | undefined {
    return this.entries.get(runner);
  }

  /**
   * Takes a heartbeat; false when it is older than what is known.
   *
   * @param isMine partitions whose runs this scheduler counts itself
   */
  update(heartbeat: Heartbeat, nowMs: number, isMine: (partition: number) => boolean): boolean {
    const old = this.entries.get(heartbeat.runner);
    if (old && !isNewer(heartbeat, old.heartbeat)) return false;
    const sameProcess = old?.heartbeat.incarnation === heartbeat.incarnation;
    this.entries.set(heartbeat.runner, {
      heartbeat,
      receivedAtMs: nowMs,
      mine: sameProcess ? old!.mine : new Set(),
      others: heartbeat.held.filter(({ handing }) => !isMine(handing.partition)).length,
      warm: new Map(heartbeat.warmVersions.map(({ versionId, idle }) => [versionId, idle])),
      full: false,
    });
    return true;
  }

  /** Forgets runners that have been silent for long, so that names of the past take no memory. */
  forgetSilent(nowMs: number): void {
    for (const [name, entry] of this.entries) {
      if (nowMs - entry.receivedAtMs > 20 * this.timing.limitedWaitMs && entry.mine.size === 0)
        this.entries.delete(name);
    }
  }

  /** True when some runner has a free slot; cheap enough to ask before looking at queues. */
  hasOffer(nowMs: number): boolean {
    for (const entry of this.entries.values()) if (this.isOpen(entry, nowMs)) return true;
    return false;
  }

  /** The runner for a run: one with a warm idle environment first, then the one with most room. */
  choose(run: OwnedRun, nowMs: number): RunnerEntry | undefined {
    let best: RunnerEntry | undefined;
    let bestScore = -1;
    for (const entry of this.entries.values()) {
      if (!this.isOpen(entry, nowMs) || !suits(entry.heartbeat, run)) continue;
      const score = freeSlots(entry) + ((entry.warm.get(run.spec.versionId) ?? 0) > 0 ? 1e6 : 0);
      if (score > bestScore) [best, bestScore] = [entry, score];
    }
    return best;
  }

  /** Counts a run in at the runner that it is given to. */
  occupy(entry: RunnerEntry, run: OwnedRun): void {
    entry.mine.add(run);
    const idle = entry.warm.get(run.spec.versionId) ?? 0;
    if (idle > 0) entry.warm.set(run.spec.versionId, idle - 1);
  }

  /** Counts a run out; an environment that ended well is warm now. */
  vacate(run: OwnedRun, warm: boolean): void {
    const entry = this.entries.get(run.runner);
    if (!entry?.mine.delete(run) || !warm) return;
    entry.warm.set(run.spec.versionId, (entry.warm.get(run.spec.versionId) ?? 0) + 1);
  }

  private isOpen(entry: RunnerEntry, nowMs: number): boolean {
    const fresh = nowMs - entry.receivedAtMs < this.timing.offerMs;
    return fresh && !entry.full && !entry.heartbeat.draining && freeSlots(entry) > 0;
  }
}

function freeSlots(entry: RunnerEntry): number {
  return entry.heartbeat.slotsTotal - entry.others - entry.mine.size;
}

function suits(heartbeat: Heartbeat, run: OwnedRun): boolean {
  const { pool, pythonMinor } = run.spec;
  return heartbeat.pool === pool && (pythonMinor === "" || heartbeat.pythonMinors.includes(pythonMinor));
}

function isNewer(a: Heartbeat, b: Heartbeat): boolean {
  return a.incarnation === b.incarnation ? a.stampMs > b.stampMs : a.incarnation > b.incarnation;
}
