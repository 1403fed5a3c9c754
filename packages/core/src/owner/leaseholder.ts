import { loadRun } from "./owned-run.ts";
import type { OwnerState } from "./owner-state.ts";
import { PartitionState } from "./partition-state.ts";
import type { LoadedPartition } from "./record.ts";

/** What taking one partition came to. */
export interface Taken {
  readonly epoch: number;
  /** Undefined when the epoch had moved again before the partition was loaded. */
  readonly found: LoadedPartition | undefined;
}

/** Keeps an owner's lease, and brings the partitions that it is good for into memory and out of it. */
export class Leaseholder {
  private readonly state: OwnerState;

  constructor(state: OwnerState) {
    this.state = state;
  }

  /** Lets everything go once the lease has lapsed. Call it before any reply that would hide it. */
  patrol(): void {
    if (!this.state.isLeased()) this.state.lapse();
  }

  /** Writes the lease again with what is claimed by now. */
  renew(): void {
    const holds = this.state.ownership.holds();
    this.state.port.putLease(holds, holds.length > 0 && holds.every((partition) => this.state.owned.has(partition)));
  }

  /** The lease was renewed, without a look at the others. */
  onKept(sentAtMs: number): void {
    this.patrol();
    this.state.ownership.onLeaseKept(sentAtMs, this.state.port.nowMs());
  }

  /** The lease was renewed; `living` was read after it was written. */
  onLease(sentAtMs: number, holds: ReadonlySet<number>, living: ReadonlyMap<string, ReadonlySet<number>>): void {
    const { state } = this;
    this.patrol();
    const isOwned = (partition: number) => state.owned.has(partition) || state.taking.has(partition);
    const steps = state.ownership.onLease(sentAtMs, state.port.nowMs(), holds, living, isOwned);
    state.handovers.release(steps.drop);
    if (steps.claimed || steps.drop.length > 0) this.renew();
    if (steps.take.length > 0) {
      for (const partition of steps.take) state.taking.set(partition, true);
      state.port.take(steps.take);
    }
  }

  /** Partitions were taken, or could not be (`taken` lacks them): those are tried again after the next lease. */
  onTaken(partitions: readonly number[], taken: ReadonlyMap<number, Taken>): void {
    const { state } = this;
    for (const partition of partitions) {
      const isVoid = state.taking.get(partition) === false;
      state.taking.delete(partition);
      const result = taken.get(partition);
      if (isVoid || !result?.found || !state.isLeased() || !state.ownership.isClaimed(partition)) continue;
      this.own(partition, result.epoch, result.found);
    }
  }

  private own(partition: number, epoch: number, found: LoadedPartition): void {
    const { state } = this;
    const stamp = { scheduler: state.settings.scheduler, partition, epoch };
    const part = new PartitionState(stamp, state.port.nowMs(), state.headBounds);
    state.owned.set(partition, part);
    state.ownedChanges += 1;
    for (const row of found.rows) state.insert(part, loadRun(row));
    for (const queue of found.queues) state.inherit(part, queue);
    for (const { projectId, share } of found.shares) part.projectOf(projectId).share = share;
    part.sleepers.expect(found.nextWakeMs ?? Infinity);
    state.outbox.onTargets(part, found.outbox);
    state.handovers.apply(part);
  }
}
