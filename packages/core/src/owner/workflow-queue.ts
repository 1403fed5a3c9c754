import { QUEUE_LIMIT_DEFAULT } from "../run/run-spec.ts";
import { isWaiting, type OwnedRun } from "./owned-run.ts";
import type { ProjectQueue } from "./project-queue.ts";
import type { SharedHead } from "./shared-head.ts";

/** A run's place in its workflow's queue. */
export interface QueueKey {
  /** Higher ones first. */
  readonly priority: number;
  /** Among equals the order of acceptance. */
  readonly sequence: number;
}

/** Bounds of what one workflow's queue has in memory. */
export interface HeadBounds {
  readonly runs: number;
  readonly bytes: number;
  /** What it may have beyond them, as long as all queues together leave room. */
  readonly shared?: SharedHead;
}

/** True when `a` starts before `b`. */
export function isBefore(a: QueueKey, b: QueueKey): boolean {
  return a.priority === b.priority ? a.sequence < b.sequence : a.priority > b.priority;
}

/**
 * The queue of one workflow, and the places that its concurrency limit has given away. In memory is the head of the queue
 * alone, in order; what stands behind is parked: in the record, and nowhere else. New runs join the head as long as there is
 * room, its own or shared, and nothing is parked before them. Taking from the front and adding at the end cost the same however long the head is.
 */
export class WorkflowQueue {
  readonly workflowId: string;
  /** Most live assignments, as the run says that was accepted last; 0 means no limit. */
  concurrencyLimit = 0;
  queueLimit = QUEUE_LIMIT_DEFAULT;
  pool = "";
  /** The run that its last turn began with, and what the runs of that turn have taken since. */
  turnOpener = "";
  turnMs = 0;
  /** Runs that hold a place. */
  readonly live = new Set<OwnedRun>();
  /** Ended assignments whose environment may still live: key → until when, on the owner's clock. */
  readonly linger = new Map<string, number>();
  private readonly bounds: HeadBounds;
  private shared: SharedHead | undefined;
  private project: ProjectQueue | undefined;
  private heldRuns = 0;
  private parkedRuns = 0;
  private items: (OwnedRun | undefined)[] = [];
  private head = 0;
  private bytes = 0;
  /** All parked runs stand here or behind. */
  private parkedFrom: QueueKey | undefined;
  private paging = false;
  /** The same, of those that were parked while a page was read. */
  private parkedSincePage: QueueKey | undefined;
  /** Of the run whose limits hold. */
  private newest = -Infinity;

  constructor(workflowId: string, bounds: HeadBounds) {
    this.workflowId = workflowId;
    this.bounds = bounds;
    this.shared = bounds.shared;
  }

  /** Runs in memory that are being accepted or wait. */
  get held(): number {
    return this.heldRuns;
  }

  set held(runs: number) {
    if (this.project) this.project.waiting += runs - this.heldRuns;
    if (this.shared) this.shared.runs += runs - this.heldRuns;
    this.heldRuns = runs;
  }

  /** Waiting runs that are parked. */
  get parked(): number {
    return this.parkedRuns;
  }

  set parked(runs: number) {
    if (this.project) this.project.waiting += runs - this.parkedRuns;
    this.parkedRuns = runs;
  }

  /** What waits here counts towards a project's limit. */
  join(project: ProjectQueue): void {
    if (this.project) return;
    this.project = project;
    project.waiting += this.waiting;
  }

  /** Waiting runs in memory. */
  get size(): number {
    return this.items.length - this.head;
  }

  /** Runs being accepted or waiting, in memory or parked: what `queueLimit` bounds. */
  get waiting(): number {
    return this.held + this.parked;
  }

  /** Takes the limits of a run's version. One that comes back from a long pause does not bring back those of its time. */
  follow({ sequence, spec }: OwnedRun): void {
    if (sequence < this.newest) return;
    this.newest = sequence;
    this.concurrencyLimit = spec.concurrencyLimit;
    this.pool = spec.pool;
    this.queueLimit = spec.queueLimit || QUEUE_LIMIT_DEFAULT;
  }

  /** Adds a waiting run in its place: at the end when new, near the front when it comes back. */
  add(run: OwnedRun): void {
    this.follow(run);
    this.weigh(run.bytes);
    let low = this.head;
    let high = this.items.length;
    if (high > low && isBefore(this.items[high - 1]!, run)) low = high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(this.items[middle]!, run)) low = middle + 1;
      else high = middle;
    }
    if (low === this.head && this.head > 0) this.items[--this.head] = run;
    else this.items.splice(low, 0, run);
  }

  /** The run that starts next; undefined when there is none, or when it is parked and has to be read first. */
  peek(): OwnedRun | undefined {
    const first = this.items[this.head];
    return first && this.parkedFrom && !isBefore(first, this.parkedFrom) ? undefined : first;
  }

  /** When the oldest of those in memory was accepted that have not started yet, ms since 1970; Infinity for none. */
  oldestMs(): number {
    let oldestMs = Infinity;
    for (let index = this.head; index < this.items.length; index++) {
      const { startTimeMs, input } = this.items[index]!;
      if (startTimeMs === null && input.createTimeMs < oldestMs) oldestMs = input.createTimeMs;
    }
    return oldestMs;
  }

  /** Takes a run out: from the front when it starts, from the middle when it is cancelled. */
  remove(run: OwnedRun): void {
    if (this.items[this.head] === run) {
      this.items[this.head++] = undefined;
      this.weigh(-run.bytes);
      this.compact();
      return;
    }
    const index = this.items.indexOf(run, this.head);
    if (index < 0) return;
    this.items.splice(index, 1);
    this.weigh(-run.bytes);
  }

  /** True when the concurrency limit leaves room for one more live assignment. */
  hasPlace(): boolean {
    return this.concurrencyLimit === 0 || this.live.size + this.linger.size < this.concurrencyLimit;
  }

  /** True when nothing of the workflow is left here. */
  isEmpty(): boolean {
    const rests = this.parkedFrom !== undefined || this.paging;
    return this.size === 0 && this.waiting === 0 && !rests && this.live.size === 0 && this.linger.size === 0;
  }

  // What is parked

  /** True when a run that is about to wait has no room in the head, or others that are parked start before it. */
  parks(run: OwnedRun): boolean {
    if (this.parkedFrom && !isBefore(run, this.parkedFrom)) return true;
    const others = this.held - (isWaiting(run.phase) ? 1 : 0);
    const fits = others < this.bounds.runs && this.bytes + run.bytes <= this.bounds.bytes;
    if (others === 0 || fits || this.shared?.hasRoomFor(run.bytes)) return false;
    return this.size === 0 || !isBefore(run, this.items.at(-1)!);
  }

  /** The run to be parked for others' sake, when there are more in memory than there is room for. */
  excess(): OwnedRun | undefined {
    const tooMuch = this.size > this.bounds.runs || this.bytes > this.bounds.bytes;
    return tooMuch && this.size > 1 && this.shared?.isOverfull() !== false ? this.items.at(-1) : undefined;
  }

  /** From now on nothing behind this run starts before what is parked has been read. */
  holdFrom({ priority, sequence }: QueueKey): void {
    const key = { priority, sequence };
    if (!this.parkedFrom || isBefore(key, this.parkedFrom)) this.parkedFrom = key;
    if (this.paging && (!this.parkedSincePage || isBefore(key, this.parkedSincePage))) this.parkedSincePage = key;
  }

  /** A run is in the record alone from now on. */
  park(key: QueueKey): void {
    this.parked += 1;
    this.holdFrom(key);
  }

  /** Runs that an owner before this one has parked. */
  inherit(parked: number, first: QueueKey): void {
    this.parked += parked;
    this.holdFrom(first);
  }

  /** A parked run has come into memory by another way than a page, or was found to be gone. */
  unpark(): void {
    this.parked = Math.max(0, this.parked - 1);
  }

  /** True when the head runs low and something is parked. */
  isPageDue(): boolean {
    if (this.parkedFrom === undefined || this.paging) return false;
    const isLow = this.size * 2 <= this.bounds.runs && this.bytes * 2 <= this.bounds.bytes;
    return isLow || this.peek() === undefined;
  }

  /** What the page to come begins with. */
  beginPage(): QueueKey {
    this.paging = true;
    this.parkedSincePage = undefined;
    return this.parkedFrom!;
  }

  /** All parked runs before `next` are in memory; undefined: none is left. */
  endPage(next: QueueKey | undefined): void {
    this.paging = false;
    this.parkedFrom = next;
    if (this.parkedSincePage) this.holdFrom(this.parkedSincePage);
    this.parkedSincePage = undefined;
    if (!this.parkedFrom) this.parked = 0;
  }

  /** The page could not be read. */
  abandonPage(): void {
    this.paging = false;
  }

  /** The queue is another owner's from now on: what happens to it here takes no room any more. */
  release(): void {
    if (!this.shared) return;
    this.shared.runs -= this.heldRuns;
    this.shared.bytes -= this.bytes;
    this.shared = undefined;
  }

  private weigh(bytes: number): void {
    this.bytes += bytes;
    if (this.shared) this.shared.bytes += bytes;
  }

  /** Gives back the room of what was taken from the front, seldom enough to cost nothing a run. */
  private compact(): void {
    if (this.head <= 1024 || this.head * 2 <= this.items.length) return;
    this.items = this.items.slice(this.head);
    this.head = 0;
  }
}
