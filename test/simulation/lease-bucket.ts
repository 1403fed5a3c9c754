import { Process } from "./process.ts";
import type { SimulatedScheduler } from "./simulated-scheduler.ts";

/** NATS KV: one lease per scheduler, naming the partitions that it holds or claims. Linearizable, lives with NATS. */
export class LeaseBucket extends Process {
  private table = new Map<string, { untilMs: number; holds: ReadonlySet<number> }>();

  override boot(): void {
    this.table = new Map();
  }

  put(
    scheduler: SimulatedScheduler,
    lease: string,
    sentAtMs: number,
    holds: ReadonlySet<number>,
    looks: boolean,
  ): void {
    const { simulation } = this;
    const incarnation = scheduler.incarnation;
    simulation.send(scheduler, this, "lease", () => {
      const before = this.table.get(lease)?.holds;
      if (!before || [...before].join() !== [...holds].join())
        simulation.log("lease", lease, "holds", [...holds].join());
      this.table.set(lease, { untilMs: simulation.nowMs + simulation.timing.leaseMs, holds });
      const living = new Map<string, ReadonlySet<number>>();
      for (const [name, entry] of this.table) if (entry.untilMs > simulation.nowMs) living.set(name, entry.holds);
      simulation.send(this, scheduler, "lease", () => {
        if (scheduler.incarnation !== incarnation) return;
        if (looks) scheduler.onLease(sentAtMs, holds, living);
        else scheduler.onLeaseKept(sentAtMs);
      });
    });
  }

  remove(scheduler: SimulatedScheduler, lease: string, done: () => void): void {
    const { simulation } = this;
    simulation.send(scheduler, this, "lease", () => {
      this.table.delete(lease);
      simulation.log("lease", lease, "is gone");
      simulation.send(this, scheduler, "lease", done);
    });
  }
}
