import type { PartitionState } from "./partition-state.ts";
import type { OutboxMessage } from "./record.ts";

/** Most messages for one target in memory, and their bytes; one may be as large as it is. */
const WINDOW = 32;
const WINDOW_BYTES = 128 * 1024;
/** How long nothing is sent to a target that refuses: at first, and at most. */
const PAUSE_MS = 250;
const PAUSE_MAX_MS = 10_000;

/** A message that is being sent. */
export interface OutboxEntry {
  readonly target: OutboxTarget;
  /** What is sent; of a start that can never arrive, the news of that to its own sender. */
  message: OutboxMessage;
  dueMs: number;
  everyMs: number;
  sends: number;
}

/**
 * The messages of a partition for one target: a window of them is in memory, in their order, and the others are in the record.
 * A target that refuses is left alone for a growing time, in which nothing of it is in memory.
 */
export class OutboxTarget {
  readonly part: PartitionState;
  readonly name: string;
  readonly entries = new Map<string, OutboxEntry>();
  /** The record may have further messages. */
  more: boolean;
  /** All up to here are in memory or have arrived. */
  after = 0;
  reading = false;
  /** Nothing is sent before. */
  pausedUntilMs = 0;
  bytes = 0;
  private pauseMs = PAUSE_MS;
  /** After a pause one message goes first. */
  private probes = false;
  private missed = false;

  constructor(part: PartitionState, name: string, more: boolean) {
    this.part = part;
    this.name = name;
    this.more = more;
  }

  /** True when a message that was committed just now may be sent at once. */
  takes(message: OutboxMessage, nowMs: number): boolean {
    if (this.more || this.reading || this.isPaused(nowMs)) return false;
    return this.entries.size < this.width() && this.bytes + message.payload.length <= WINDOW_BYTES;
  }

  isPaused(nowMs: number): boolean {
    return nowMs < this.pausedUntilMs;
  }

  /** True when there is room for messages from the record. */
  isLow(): boolean {
    return this.more && !this.reading && this.entries.size * 2 <= this.width();
  }

  /** A message was left in the record. */
  miss(): void {
    this.more = true;
    this.missed = true;
  }

  enter(entry: OutboxEntry): void {
    this.entries.set(entry.message.id, entry);
    this.bytes += entry.message.payload.length;
    this.after = Math.max(this.after, entry.message.sequence);
  }

  /** Bounds of the read to come. */
  beginRead(isCrowded: boolean): { messagesMax: number; bytesMax: number } {
    this.reading = true;
    this.missed = false;
    const messagesMax = isCrowded ? 1 : this.width() - this.entries.size;
    return { messagesMax: Math.max(1, messagesMax), bytesMax: Math.max(0, WINDOW_BYTES - this.bytes) };
  }

  /** @param more undefined: it could not be read */
  endRead(more: boolean | undefined): void {
    this.reading = false;
    this.more = (more ?? true) || this.missed;
  }

  /** A message has arrived. */
  arrived(entry: OutboxEntry): void {
    this.entries.delete(entry.message.id);
    this.bytes -= entry.message.payload.length;
    this.pauseMs = PAUSE_MS;
    this.probes = false;
  }

  /** The target takes nothing now: all of it goes back to the record. Returns what was in memory. */
  pause(nowMs: number): string[] {
    const ids = [...this.entries.keys()];
    this.entries.clear();
    this.bytes = 0;
    this.after = 0;
    this.miss();
    this.probes = true;
    this.pausedUntilMs = nowMs + this.pauseMs;
    this.pauseMs = Math.min(this.pauseMs * 2, PAUSE_MAX_MS);
    return ids;
  }

  /** True when nothing of it is left to be done. */
  isDone(): boolean {
    return this.entries.size === 0 && !this.more && !this.reading;
  }

  private width(): number {
    return this.probes ? 1 : WINDOW;
  }
}
