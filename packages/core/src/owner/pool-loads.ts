import type { OwnerState } from "./owner-state.ts";

/** Runs of one pool. */
export interface PoolLoad {
  readonly waiting: number;
  readonly running: number;
  /** How long the oldest one waits that has not started, of those in memory: the first ones of each workflow's queue. */
  readonly oldestWaitMs: number;
}

/** What the runs of an owner's partitions want of each pool, and have of it. */
export function poolLoads({ owned, port }: Pick<OwnerState, "owned" | "port">): Map<string, PoolLoad> {
  const loads = new Map<string, PoolLoad>();
  const nowMs = port.wallMs();
  for (const part of owned.values()) {
    for (const queue of part.workflows.values()) {
      const before = loads.get(queue.pool) ?? { waiting: 0, running: 0, oldestWaitMs: 0 };
      loads.set(queue.pool, {
        waiting: before.waiting + queue.waiting,
        running: before.running + queue.live.size,
        oldestWaitMs: Math.max(before.oldestWaitMs, nowMs - queue.oldestMs()),
      });
    }
  }
  return loads;
}
