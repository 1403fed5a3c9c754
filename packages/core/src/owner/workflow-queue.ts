import { QUEUE_LIMIT_DEFAULT } from "../run/run-spec.ts";
import type { OwnedRun } from "./owned-run.ts";

/**
 * The waiting runs of one workflow in the order of their acceptance, and the places that its concurrency limit has given
 * away. Taking from the front and adding at the end cost the same however long the queue is.
 */
export class WorkflowQueue {
  readonly workflowId: string;
  /** Most live assignments, as the run says that was accepted last; 0 means no limit. */
  concurrencyLimit = 0;
  queueLimit = QUEUE_LIMIT_DEFAULT;
  /** Runs being accepted or waiting: what `queueLimit` bounds. */
  waiting = 0;
  /** Runs that hold a place. */
  readonly live = new Set<OwnedRun>();
  /** Ended assignments whose environment may still live: key → until when, on the owner's clock. */
  readonly linger = new Map<string, number>();
  private items: (OwnedRun | undefined)[] = [];
  private head = 0;
  /** Of the run whose limits hold. */
  private newest = -Infinity;

  constructor(workflowId: string) {
    this.workflowId = workflowId;
  }

  get size(): number {
    return this.items.length - this.head;
  }

  /** Takes the limits of a run's version. One that comes back from a long pause does not bring back those of its time. */
  follow({ sequence, spec }: OwnedRun): void {
    if (sequence < this.newest) return;
    this.newest = sequence;
    this.concurrencyLimit = spec.concurrencyLimit;
    this.queueLimit = spec.queueLimit || QUEUE_LIMIT_DEFAULT;
  }

  /** Adds a waiting run in its place: at the end when new, near the front when it comes back. */
  add(run: OwnedRun): void {
    this.follow(run);
    let low = this.head;
    let high = this.items.length;
    if (high > low && this.items[high - 1]!.sequence < run.sequence) low = high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.items[middle]!.sequence < run.sequence) low = middle + 1;
      else high = middle;
    }
    if (low === this.head && this.head > 0) this.items[--this.head] = run;
    else this.items.splice(low, 0, run);
  }

  /** The run that has waited longest. */
  peek(): OwnedRun | undefined {
    return this.items[this.head];
  }

  /** Takes a run out: from the front when it starts, from the middle when it is cancelled. */
  remove(run: OwnedRun): void {
    if (this.items[this.head] === run) {
      this.items[this.head++] = undefined;
      this.compact();
      return;
    }
    const index = this.items.indexOf(run, this.head);
    if (index >= 0) this.items.splice(index, 1);
  }

  /** True when the concurrency limit leaves room for one more live assignment. */
  hasPlace(): boolean {
    return this.concurrencyLimit === 0 || this.live.size + this.linger.size < this.concurrencyLimit;
  }

  /** True when nothing of the workflow is left here. */
  isEmpty(): boolean {
    return this.size === 0 && this.waiting === 0 && this.live.size === 0 && this.linger.size === 0;
  }

  /** Gives back the room of what was taken from the front, seldom enough to cost nothing a run. */
  private compact(): void {
    if (this.head <= 1024 || this.head * 2 <= this.items.length) return;
    this.items = this.items.slice(this.head);
    this.head = 0;
  }
}
