import { preferredOwner } from "../partition.ts";
import type { Timing } from "../timing.ts";

/** What a reply to a lease asks its holder to do. */
export interface OwnershipSteps {
  /** Partitions to let go at once. */
  readonly drop: number[];
  /** Partitions to take: claimed in one's own lease, and named by no other living one read after that. */
  readonly take: number[];
  /** True when new claims must be written into the lease. */
  readonly claimed: boolean;
}

/**
 * Which partitions a scheduler claims in its lease, and when it may take them. A partition is taken only after a read
 * that followed the writing of our claim shows that no other living lease names it.
 */
export class Ownership {
  private readonly self: string;
  private readonly partitionCount: number;
  private readonly timing: Timing;
  /** Claimed partitions and since when, on our clock. */
  private readonly claims = new Map<number, number>();
  private leaseUntilMs = 0;
  /** Which partitions would be ours among these schedulers: it seldom changes, and is asked for all the time. */
  private preference: { readonly names: string; readonly mine: readonly boolean[] } = { names: "", mine: [] };
  private retired = false;

  constructor(self: string, partitionCount: number, timing: Timing) {
    this.self = self;
    this.partitionCount = partitionCount;
    this.timing = timing;
  }

  /** True while the last acknowledged lease, counted from its sending, lives: only then may we assign and renew. */
  isLeased(nowMs: number): boolean {
    return nowMs < this.leaseUntilMs;
  }

  holds(): number[] {
    return [...this.claims.keys()];
  }

  isClaimed(partition: number): boolean {
    return this.claims.has(partition);
  }

  /** Gives one claim up. */
  release(partition: number): void {
    this.claims.delete(partition);
  }

  /** Gives all claims up for good. */
  retire(): void {
    this.retired = true;
    this.claims.clear();
  }

  /** A lease written at `sentAtMs` was acknowledged. True while it is worth anything yet. */
  onLeaseKept(sentAtMs: number, nowMs: number): boolean {
    if (this.retired || nowMs >= sentAtMs + this.timing.leaseMs) return false;
    this.leaseUntilMs = Math.max(this.leaseUntilMs, sentAtMs + this.timing.leaseMs);
    return true;
  }

  /**
   * A lease written with `holds` at `sentAtMs` was acknowledged, and `living` was read afterwards.
   *
   * @param isOwned partitions that we have taken or are taking already
   */
  onLease(
    sentAtMs: number,
    nowMs: number,
    holds: ReadonlySet<number>,
    living: ReadonlyMap<string, ReadonlySet<number>>,
    isOwned: (partition: number) => boolean,
  ): OwnershipSteps {
    if (!this.onLeaseKept(sentAtMs, nowMs)) return { drop: [], take: [], claimed: false };
    const names = new Set([...living.keys(), this.self]);
    const others = [...living].filter(([name]) => name !== this.self).map(([, held]) => held);
    const steps: OwnershipSteps & { claimed: boolean } = { drop: [], take: [], claimed: false };
    const preferred = this.preferredAmong(names);
    for (let partition = 0; partition < this.partitionCount; partition++) {
      const mine = preferred[partition]!;
      const since = this.claims.get(partition);
      const taken = others.some((held) => held.has(partition));
      if (!mine) {
        if (since !== undefined) steps.drop.push(partition);
      } else if (since === undefined) {
        if (!taken) {
          this.claims.set(partition, nowMs);
          steps.claimed = true;
        }
      } else if (!isOwned(partition) && holds.has(partition) && !taken && sentAtMs >= since) {
        steps.take.push(partition);
      }
    }
    return steps;
  }

  private preferredAmong(schedulers: ReadonlySet<string>): readonly boolean[] {
    const names = [...schedulers].sort().join(" ");
    if (names !== this.preference.names) {
      const partitions = Array.from({ length: this.partitionCount }, (_, partition) => partition);
      const mine = partitions.map((partition) => preferredOwner(partition, schedulers) === this.self);
      this.preference = { names, mine };
    }
    return this.preference.mine;
  }
}
