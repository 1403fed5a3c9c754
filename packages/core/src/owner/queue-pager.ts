import { loadRun } from "./owned-run.ts";
import type { QueueQuery } from "./owner-port.ts";
import type { OwnerState } from "./owner-state.ts";
import type { PartitionState } from "./partition-state.ts";
import type { LoadedRun, QueuePage } from "./record.ts";
import type { WorkflowQueue } from "./workflow-queue.ts";

/** Queues that one read is about. */
const QUEUES_A_PAGE = 64;

/**
 * Brings parked runs into memory before their turn comes. One read is under way at a time, for as many queues as run low; a
 * queue that is served goes to the end of the line.
 */
export class QueuePager {
  private readonly state: OwnerState;
  private reading = false;
  /** Set after a read that failed: the next tick tries again, not whatever happens next. */
  private failed = false;

  constructor(state: OwnerState) {
    this.state = state;
  }

  /** Reads for the queues that run low, unless a read is under way. Costs nothing when none does. */
  patrol(): void {
    const { pageDue, port } = this.state;
    if (pageDue.size === 0 || this.reading || this.failed) return;
    const queries: QueueQuery[] = [];
    for (const [queue, part] of pageDue) {
      if (queries.length >= QUEUES_A_PAGE) break;
      pageDue.delete(queue);
      if (queue.isPageDue() && this.state.isCurrent(part)) queries.push(this.begin(queue, part));
    }
    if (queries.length === 0) return;
    this.reading = true;
    port.pageQueues(queries);
  }

  /** What failed is tried again. */
  onTick(): void {
    this.failed = false;
    this.patrol();
  }

  private begin(queue: WorkflowQueue, part: PartitionState): QueueQuery {
    const { runs, bytes } = this.state.headBounds;
    const from = queue.beginPage();
    const query: QueueQuery = {
      ...{ partition: part.partition, epoch: part.stamp.epoch, workflowId: queue.workflowId, from },
      ...{ runsMax: Math.ceil(runs / 2), bytesMax: Math.ceil(bytes / 2) },
    };
    part.departures.beginRead(query);
    return query;
  }

  /**
   * Pages were read, in the order of the queries; undefined when they could not be. A page is undefined when the partition's
   * epoch has moved. True when a partition was lost.
   */
  onPaged(queries: readonly QueueQuery[], pages: readonly (QueuePage | undefined)[] | undefined): boolean {
    this.reading = false;
    this.failed = pages === undefined;
    let lost = false;
    for (const [index, query] of queries.entries()) {
      const part = this.state.owned.get(query.partition);
      if (part?.stamp.epoch !== query.epoch) continue;
      const page = pages?.[index];
      this.take(part, query, page);
      if (!pages || page) continue;
      this.state.drop(query.partition);
      lost = true;
    }
    return lost;
  }

  private take(part: PartitionState, query: QueueQuery, page: QueuePage | undefined): void {
    const queue = part.queueOf(query.workflowId);
    const { departures, runs } = part;
    const believed = page && departures.isBelievable(query) ? page : undefined;
    const rows: LoadedRun[] = [];
    let undecided = false;
    for (const row of believed?.rows ?? []) {
      const known = runs.get(row.runId);
      if (known?.phase === "ACCEPTING") {
        // Its commit is done, but not known, or this is a second copy of its submit: once that is decided the page is read again.
        queue.holdFrom(row);
        undecided = true;
      } else if (!known && departures.isFresh(query, row.runId)) rows.push(row);
    }
    departures.endRead(query);
    if (believed) queue.endPage(believed.next);
    else queue.abandonPage();
    for (const row of rows) {
      queue.unpark();
      this.state.insert(part, loadRun(row));
    }
    if (!undecided && queue.isPageDue()) this.state.pageDue.set(queue, part);
    // What was in memory may have waited for what the page could have brought.
    this.state.wake(queue, part);
  }
}
