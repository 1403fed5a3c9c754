import type { WakePage } from "./record.ts";

/** Runs that wake sooner than this after their pause stay in memory: reading them back would cost more. */
const NEAR_MS = 5000;
/** The same for runs with much to hold. */
const NEAR_LARGE_MS = 1000;
const LARGE_BYTES = 64 * 1024;
/** The least id: every run stands behind it. */
const NO_ID = "00000000-0000-0000-0000-000000000000";
const FROM_THE_BEGINNING = { readToMs: 0, readToId: NO_ID, nextWakeMs: 0 } as const;

/**
 * Which of a partition's paused runs are in memory: those that wake up to `readToMs`, and no others but by chance. The
 * others stay in the record behind an index by their wake time, and are read in pages as their time comes.
 */
export class Sleepers {
  /** All that wake before then have been read, ms since 1970; of those that wake at this very moment, up to `readToId`. */
  readToMs = 0;
  readToId: string = NO_ID;
  /** When the next one wakes that is not in memory; Infinity when there is none. */
  nextWakeMs = Infinity;
  /** Set when the page under way must not count. */
  private restarted = false;
  /** What held before the page that is being read. */
  private before: Omit<WakePage, "rows"> = FROM_THE_BEGINNING;

  /** True when a run that is paused may leave the memory. */
  mayLeave(wakeTimeMs: number, wallMs: number, bytes: number): boolean {
    return wakeTimeMs > wallMs + (bytes > LARGE_BYTES ? NEAR_LARGE_MS : NEAR_MS) && wakeTimeMs > this.readToMs;
  }

  /** A paused run has left the memory, or was found in the record. */
  expect(wakeTimeMs: number): void {
    this.nextWakeMs = Math.min(this.nextWakeMs, wakeTimeMs);
  }

  /** Some paused run may have been passed over: all that is due is read once more. */
  restart(): void {
    this.readToMs = FROM_THE_BEGINNING.readToMs;
    this.readToId = FROM_THE_BEGINNING.readToId;
    this.nextWakeMs = FROM_THE_BEGINNING.nextWakeMs;
    this.restarted = true;
  }

  /** From now on nothing leaves the memory that this page might lack. */
  beginPage(untilMs: number): void {
    this.before = { readToMs: this.readToMs, readToId: this.readToId, nextWakeMs: this.nextWakeMs };
    this.restarted = false;
    this.readToMs = Math.max(this.readToMs, untilMs);
    this.nextWakeMs = Infinity;
  }

  /** Undefined: it could not be read, or cannot be believed. */
  endPage(page: WakePage | undefined): void {
    const { readToMs, readToId, nextWakeMs } = this.restarted ? FROM_THE_BEGINNING : (page ?? this.before);
    this.readToMs = readToMs;
    this.readToId = readToId;
    this.expect(nextWakeMs ?? Infinity);
  }
}
