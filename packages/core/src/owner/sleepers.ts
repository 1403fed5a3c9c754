import type { WakePage } from "./record.ts";

/** Runs that wake sooner than this after their pause stay in memory: reading them back would cost more. */
const NEAR_MS = 5000;
const FROM_THE_BEGINNING = { readToMs: 0, nextWakeMs: 0 } as const;

/**
 * Which of a partition's paused runs are in memory: those that wake up to `readToMs`, and no others but by chance. The
 * others stay in the record behind an index by their wake time, and are read in pages as their time comes.
 *
 * A read may be older than the memory: what left the memory while it was under way is not taken from it again.
 */
export class Sleepers {
  /** All that wake up to then have been read; ms since 1970. */
  readToMs = 0;
  /** When the next one wakes that is not in memory; Infinity when there is none. */
  nextWakeMs = Infinity;
  /** Reads of single runs that are under way. */
  private reads = 0;
  private readonly gone = new Set<string>();
  private paging = false;
  /** Apart from the others: a read that hangs must not keep a later page from bringing what left before the page began. */
  private readonly goneSincePage = new Set<string>();
  /** Set when the page under way must not count. */
  private restarted = false;
  /** What held before the page that is being read. */
  private before: Pick<WakePage, "readToMs" | "nextWakeMs"> = { readToMs: 0, nextWakeMs: null };

  /** True when a run that is paused may leave the memory. */
  mayLeave(wakeTimeMs: number, wallMs: number): boolean {
    return wakeTimeMs > wallMs + NEAR_MS && wakeTimeMs > this.readToMs;
  }

  /** A paused run has left the memory, or was found in the record. */
  expect(wakeTimeMs: number): void {
    this.nextWakeMs = Math.min(this.nextWakeMs, wakeTimeMs);
  }

  /** Some run has left the memory. */
  left(runId: string): void {
    if (this.reads > 0) this.gone.add(runId);
    if (this.paging) this.goneSincePage.add(runId);
  }

  /** False when what a read says of a run may be of the past. Ask before the read's end is told. */
  isFresh(runId: string): boolean {
    return !this.gone.has(runId);
  }

  /** The same of the page under way. */
  isFreshInPage(runId: string): boolean {
    return !this.goneSincePage.has(runId);
  }

  beginRead(): void {
    this.reads += 1;
  }

  endRead(): void {
    this.reads -= 1;
    if (this.reads === 0) this.gone.clear();
  }

  /** Some paused run may have been passed over: all that is due is read once more. */
  restart(): void {
    this.readToMs = FROM_THE_BEGINNING.readToMs;
    this.nextWakeMs = FROM_THE_BEGINNING.nextWakeMs;
    this.restarted = true;
  }

  /** From now on nothing leaves the memory that this page might lack. */
  beginPage(untilMs: number): void {
    this.paging = true;
    this.before = { readToMs: this.readToMs, nextWakeMs: this.nextWakeMs };
    this.restarted = false;
    this.readToMs = Math.max(this.readToMs, untilMs);
    this.nextWakeMs = Infinity;
  }

  /** Undefined: it could not be read. */
  endPage(page: WakePage | undefined): void {
    const { readToMs, nextWakeMs } = this.restarted ? FROM_THE_BEGINNING : (page ?? this.before);
    this.readToMs = readToMs;
    this.expect(nextWakeMs ?? Infinity);
    this.paging = false;
    this.goneSincePage.clear();
  }
}
