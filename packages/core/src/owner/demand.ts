import type { Demand } from "../messages.ts";
import type { OwnerState } from "./owner-state.ts";
import type { RunnerEntry } from "./runner-table.ts";
import type { WorkflowQueue } from "./workflow-queue.ts";

/** What was counted serves for this long. */
const COUNT_MS = 20;
/** Most projects in an announcement. */
const PROJECTS_MAX = 64;
/** A pool's runners are asked for slots no more often than this, so many of them at once and each of them seldom. */
const ASK_PAUSE_MS = 20;
const ASKED_AT_ONCE = 8;
const ASK_AGAIN_MS = 250;

/** What waits here, by pool and project: announced to the runners, so that they offer their slots to who has use for them. */
export class WaitingDemand {
  private readonly state: OwnerState;
  private readonly counted = new Map<string, { atMs: number; byProject: Map<string, number> }>();
  private readonly askedAtMs = new Map<string, number>();

  constructor(state: OwnerState) {
    this.state = state;
  }

  /** For an announcement to a runner of the pool. */
  of(pool: string): Demand[] {
    const found = [...this.count(pool)].map(([projectId, waiting]) => ({ projectId, waiting }));
    return found.length <= PROJECTS_MAX ? found : found.sort((a, b) => b.waiting - a.waiting).slice(0, PROJECTS_MAX);
  }

  /** Runs of a project that wait for a pool. */
  ofProject(pool: string, project: string): number {
    return this.count(pool).get(project) ?? 0;
  }

  /** Runners of a pool to be told at once what waits: slots of theirs are offered to other schedulers. */
  toAsk(pool: string): RunnerEntry[] {
    const nowMs = this.state.port.nowMs();
    if (nowMs - (this.askedAtMs.get(pool) ?? -Infinity) < ASK_PAUSE_MS) return [];
    const found: RunnerEntry[] = [];
    for (const entry of this.state.runners.pool(pool)?.entries ?? []) {
      const { heartbeat, offered, toldAtMs } = entry;
      if (!heartbeat.offersSlots || heartbeat.draining || offered >= heartbeat.slotsTotal) continue;
      if (nowMs - toldAtMs < ASK_AGAIN_MS) continue;
      found.push(entry);
      if (found.length === ASKED_AT_ONCE) break;
    }
    if (found.length === 0) return found;
    this.askedAtMs.set(pool, nowMs);
    this.counted.delete(pool);
    return found;
  }

  private count(pool: string): Map<string, number> {
    const nowMs = this.state.port.nowMs();
    const known = this.counted.get(pool);
    if (known && nowMs - known.atMs < COUNT_MS) return known.byProject;
    const byProject = new Map<string, number>();
    for (const lane of this.state.ready.lanes.values()) {
      if (lane.pool !== pool) continue;
      for (const queue of lane.queues.keys()) {
        const project = queue.peek()?.spec.projectId;
        if (project !== undefined) byProject.set(project, (byProject.get(project) ?? 0) + startable(queue));
      }
    }
    this.counted.set(pool, { atMs: nowMs, byProject });
    return byProject;
  }
}

/** Runs of a workflow that could start if there were slots. */
function startable({ size, concurrencyLimit, live, linger }: WorkflowQueue): number {
  return concurrencyLimit === 0 ? size : Math.max(0, Math.min(size, concurrencyLimit - live.size - linger.size));
}
