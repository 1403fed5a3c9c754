import type { Owner as OwnerStamp } from "../messages.ts";
import { Departures } from "./departures.ts";
import type { OwnedRun } from "./owned-run.ts";
import { ProjectQueue } from "./project-queue.ts";
import { Sleepers } from "./sleepers.ts";
import { WorkflowQueue, type HeadBounds } from "./workflow-queue.ts";

/** A partition in its owner's memory. */
export class PartitionState {
  readonly stamp: OwnerStamp;
  /** When this scheduler took it, on its monotonic clock. */
  readonly sinceMs: number;
  readonly runs = new Map<string, OwnedRun>();
  readonly workflows = new Map<string, WorkflowQueue>();
  readonly projects = new Map<string, ProjectQueue>();
  readonly sleepers = new Sleepers();
  /** True when the former owner has told which environments under concurrency limits may still live. */
  knowsPlaces = false;
  readonly departures = new Departures();
  /** How far the targets of the partition's outbox are known. */
  readonly outbox = { known: false, beyond: "", reading: false, missed: false };
  private readonly bounds: HeadBounds;
  private counter = 0;

  constructor(stamp: OwnerStamp, sinceMs: number, bounds: HeadBounds) {
    this.stamp = stamp;
    this.sinceMs = sinceMs;
    this.bounds = bounds;
  }

  get partition(): number {
    return this.stamp.partition;
  }

  /** Order of acceptance over owners: the epoch first, then a counter, in 53 bits. */
  nextSequence(): number {
    this.counter += 1;
    return this.stamp.epoch * 2 ** 32 + this.counter;
  }

  queueOf(workflowId: string): WorkflowQueue {
    let queue = this.workflows.get(workflowId);
    if (!queue) {
      queue = new WorkflowQueue(workflowId, this.bounds);
      this.workflows.set(workflowId, queue);
    }
    return queue;
  }

  projectOf(projectId: string): ProjectQueue {
    let project = this.projects.get(projectId);
    if (!project) {
      project = new ProjectQueue(projectId);
      this.projects.set(projectId, project);
    }
    return project;
  }

  /** Ends lingering places whose time has come and forgets workflows of which nothing is left. */
  sweep(nowMs: number): void {
    for (const [workflowId, queue] of this.workflows) {
      for (const [key, untilMs] of queue.linger) if (untilMs <= nowMs) queue.linger.delete(key);
      if (queue.isEmpty()) this.workflows.delete(workflowId);
    }
  }
}
