/**
 * Room beyond a runner's slots while its steps are short. What a run of next to nothing costs is mostly what is done for all that come
 * together (a message, a commit, waking a process), and what comes together is what fits into the slots. So where steps end
 * within milliseconds, a slot takes several runs; where they do not, it takes one, as it says.
 */

/** Steps whose mean is no longer than this are short. */
const SHORT_MS = 25;
/** A step that has been running for so long has its slot to itself. */
const SLOW_MS = 100;
/** How much of the mean the newest step is. */
const WEIGHT = 0.1;
/** When nothing has ended for so long, nothing is known of what comes next. */
const STALE_MS = 2_000;
/** How often it is looked again: an offer that changes is a message. */
const LOOK_MS = 20;
/** Growth for each ms: fast where environments are shared, and slow enough that cold starts show before it has gone on for long. */
const GROWTH_PER_MS = 0.05;
/**
 * What an environment that is started for a run beyond the slots takes back, for how long it stops the growth, and all of them at most:
 * it costs what is saved on some hundreds of runs.
 */
const COLD_RUNS = 2;
const COLD_PAUSE_MS = 2_000;
const COLD_PAUSE_MAX_MS = 10_000;

/** What it asks of a run that is held: since when a step of it is known to be running, on the clock of `nowMs`. */
export interface Running {
  readonly runningSinceMs: number | undefined;
}

/** How many runs a runner may hold at a time. */
export class Stretch {
  private meanMs = Infinity;
  private endedAtMs = -Infinity;
  private lookedAtMs = -Infinity;
  private growsAtMs = -Infinity;
  /** Runs beyond the slots when no step is slow. */
  private extra = 0;
  private room = 0;

  /** A step has ended that took so long. */
  note(tookMs: number, nowMs: number): void {
    const isKnown = nowMs - this.endedAtMs <= STALE_MS;
    if (!isKnown) this.extra = 0;
    this.meanMs = isKnown ? this.meanMs + (Math.max(0, tookMs) - this.meanMs) * WEIGHT : Math.max(0, tookMs);
    this.endedAtMs = nowMs;
  }

  /** An environment had to be started for a run. */
  noteColdStart(nowMs: number): void {
    // Without any, it would have been started, too.
    if (this.extra === 0) return;
    this.extra = Math.max(0, this.extra - COLD_RUNS);
    const dueMs = Math.max(this.growsAtMs, nowMs) + COLD_PAUSE_MS;
    this.growsAtMs = Math.min(dueMs, nowMs + COLD_PAUSE_MAX_MS);
  }

  /**
   * Runs that may be held now.
   *
   * @param slots that many at least
   * @param most that many in the end, while all of their steps are short
   */
  capacity(slots: number, most: number, held: Iterable<Running>, nowMs: number): number {
    if (most <= slots) return slots;
    const sinceMs = nowMs - this.lookedAtMs;
    if (sinceMs < LOOK_MS && this.room >= slots && this.room <= most) return this.room;
    this.lookedAtMs = nowMs;
    this.grow(Math.min(sinceMs, nowMs - this.growsAtMs, 5 * LOOK_MS), most - slots, nowMs);
    this.room = slots + Math.floor((this.extra * (slots - Math.min(slots, countSlow(held, nowMs)))) / slots);
    return this.room;
  }

  private grow(ms: number, most: number, nowMs: number): void {
    const isShort = this.meanMs <= SHORT_MS && nowMs - this.endedAtMs <= STALE_MS;
    this.extra = isShort ? Math.min(most, this.extra + Math.max(0, ms) * GROWTH_PER_MS) : 0;
  }
}

function countSlow(held: Iterable<Running>, nowMs: number): number {
  let slow = 0;
  for (const { runningSinceMs } of held)
    if (runningSinceMs !== undefined && nowMs - runningSinceMs > SLOW_MS) slow += 1;
  return slow;
}
