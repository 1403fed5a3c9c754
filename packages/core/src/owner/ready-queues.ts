import type { RunSpec } from "../run/run-spec.ts";
import type { PartitionState } from "./partition-state.ts";
import type { WorkflowQueue } from "./workflow-queue.ts";

/** Workflows whose next run wants the same of a runner. */
export interface Lane {
  readonly key: string;
  readonly pool: string;
  /** Next to be served first. */
  readonly queues: Map<WorkflowQueue, Place>;
  /** Those of them whose turn goes on: a short run has left an environment warm. The longest ago comes first. */
  readonly eager: Set<WorkflowQueue>;
  /** The news of its pool when no runner there could take a run of it. */
  stuckAt: number;
}

/** Where a workflow stands. */
export interface Place {
  readonly part: PartitionState;
  /** Order of service among all workflows. */
  readonly turn: number;
}

/**
 * The workflows whose next run could start if a runner had room, in the order in which they are served. They stand in lanes by
 * what they want of a runner, so that a full pool costs one look, however many workflows wait for it.
 */
export class ReadyQueues {
  readonly lanes = new Map<string, Lane>();
  private readonly laneOf = new Map<WorkflowQueue, Lane>();
  private turn = 0;

  has(queue: WorkflowQueue): boolean {
    return this.laneOf.has(queue);
  }

  /** Puts a workflow behind all others, unless it stands here already. */
  set(queue: WorkflowQueue, part: PartitionState): void {
    const run = queue.peek();
    if (!run || this.laneOf.has(queue)) return;
    const key = laneKey(run.spec);
    let lane = this.lanes.get(key);
    if (!lane)
      this.lanes.set(key, (lane = { key, pool: run.spec.pool, queues: new Map(), eager: new Set(), stuckAt: -1 }));
    lane.queues.set(queue, { part, turn: ++this.turn });
    this.laneOf.set(queue, lane);
  }

  delete(queue: WorkflowQueue): void {
    const lane = this.laneOf.get(queue);
    if (!lane) return;
    lane.queues.delete(queue);
    lane.eager.delete(queue);
    this.laneOf.delete(queue);
    if (lane.queues.size === 0) this.lanes.delete(lane.key);
  }

  /** A workflow's turn goes on, if it has runs that could. */
  extend(queue: WorkflowQueue): void {
    this.laneOf.get(queue)?.eager.add(queue);
  }

  /** Puts a workflow behind all others again: it was served, or its next run wants something else. */
  requeue(queue: WorkflowQueue, part: PartitionState): void {
    this.delete(queue);
    this.set(queue, part);
  }
}

/** The workflow of a lane that is served next. */
export function firstOf({ queues }: Lane): readonly [WorkflowQueue, Place] {
  const [first] = queues;
  return first!;
}

/** What of a version decides which runners can execute it. */
export function laneKey({ pool, pythonMinor, labels }: Pick<RunSpec, "pool" | "pythonMinor" | "labels">): string {
  return labels && labels.length > 0 ? `${pool} ${pythonMinor} ${labels.join(" ")}` : `${pool} ${pythonMinor}`;
}
