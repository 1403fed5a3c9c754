import type { Handing } from "../messages.ts";
import type { Decision } from "../run/decide.ts";
import { placeStep } from "../run/steps.ts";
import type { Timing } from "../timing.ts";
import { CommitQueue, type Effect } from "./commit-queue.ts";
import { holdsPlace, type OwnedRun, type Phase } from "./owned-run.ts";
import type { OwnerPort } from "./owner-port.ts";
import { Ownership } from "./ownership.ts";
import type { PartitionState } from "./partition-state.ts";
import { Outbox } from "./outbox.ts";
import type { Change, OutboxMessage } from "./record.ts";
import { RunnerTable } from "./runner-table.ts";
import type { WorkflowQueue } from "./workflow-queue.ts";

/** Fixed settings of an owner. */
export interface OwnerSettings {
  /** Name of the scheduler, unique among the living ones; new with each start. */
  readonly scheduler: string;
  readonly partitionCount: number;
  readonly timing: Timing;
  /** Most changes in one commit. Default 1,000. */
  readonly commitChangesMax?: number;
  /** Most changes waiting for a commit before submits are turned away. Default 20,000. */
  readonly commitQueueMax?: number;
}

/** The memory of an owner, shared by its parts, with the moves that keep it consistent. */
export class OwnerState {
  readonly settings: OwnerSettings;
  readonly port: OwnerPort;
  readonly timing: Timing;
  readonly owned = new Map<number, PartitionState>();
  readonly taking = new Set<number>();
  readonly ownership: Ownership;
  readonly runners: RunnerTable;
  readonly commits: CommitQueue;
  readonly outbox = new Outbox(this);
  /** Workflows with waiting runs, next to be served first. */
  readonly ready = new Map<WorkflowQueue, PartitionState>();
  /** Runs assigned but not yet marked as running in the record, oldest first. */
  readonly unmarked = new Set<OwnedRun>();
  /** No runner is declared dead before this: our own connection was down. */
  graceUntilMs = 0;
  connected = true;
  /** Set when something may have become startable. */
  dispatchDue = false;

  constructor(settings: OwnerSettings, port: OwnerPort) {
    this.settings = settings;
    this.port = port;
    this.timing = settings.timing;
    this.ownership = new Ownership(settings.scheduler, settings.partitionCount, settings.timing);
    this.runners = new RunnerTable(settings.timing);
    this.commits = new CommitQueue(settings.scheduler, settings.commitChangesMax ?? 1000);
  }

  isLeased(): boolean {
    return this.ownership.isLeased(this.port.nowMs());
  }

  isCurrent(part: PartitionState): boolean {
    return this.owned.get(part.partition) === part;
  }

  find(handing: Handing): OwnedRun | undefined {
    return this.owned.get(handing.partition)?.runs.get(handing.runId);
  }

  /** Queues a change; its effect runs after its commit. */
  commit(part: PartitionState, change: Change | null, effect: Effect): void {
    this.commits.add({ partition: part.partition, epoch: part.stamp.epoch, change, effect });
    this.port.flushSoon();
  }

  /** Applies a decision to the memory and queues its change. */
  decide(part: PartitionState, run: OwnedRun, decision: Decision, phase: Phase, effect: Effect): void {
    const { change } = decision;
    this.move(part, run, phase);
    run.state = change.state;
    run.assignment = change.assignment;
    run.startTimeMs = change.startTimeMs;
    if (change.step) {
      placeStep(run.steps, change.step);
      // Of a step that is executed again, the execution before it is not what the record will hold.
      run.committedSteps = Math.min(run.committedSteps, run.steps.length - 1);
    }
    if (change.kind === "update") run.wakeTimeMs = change.wakeTimeMs;
    run.marked = true;
    this.commit(part, change, change.outbox ? this.withOutbox(part, change.outbox, effect) : effect);
  }

  /** What a commit says to other runs' owners is sent when it is done. */
  private withOutbox(part: PartitionState, messages: readonly OutboxMessage[], effect: Effect): Effect {
    return (outcome) => {
      this.outbox.add(part, messages);
      effect(outcome);
    };
  }

  /** Moves a run between phases and keeps the queue's counters true. */
  move(part: PartitionState, run: OwnedRun, phase: Phase): void {
    const queue = part.queueOf(run.spec.workflowId);
    const before = run.phase;
    if (before === phase) return;
    run.phase = phase;
    if (isWaiting(before) !== isWaiting(phase)) queue.waiting += isWaiting(phase) ? 1 : -1;
    if (holdsPlace(run)) queue.live.add(run);
    else queue.live.delete(run);
    if (before === "PENDING") queue.remove(run);
    if (phase === "PENDING") {
      queue.add(run);
      this.ready.set(queue, part);
      this.dispatchDue = true;
    }
    if (phase !== "RUNNING") this.unmarked.delete(run);
  }

  /** Puts a run into memory. */
  insert(part: PartitionState, run: OwnedRun): void {
    part.runs.set(run.runId, run);
    const queue = part.queueOf(run.spec.workflowId);
    queue.follow(run);
    if (isWaiting(run.phase)) queue.waiting += 1;
    if (holdsPlace(run)) queue.live.add(run);
  }

  /** Takes a run out of memory: its end is committed, or a pause that lasts. */
  forget(part: PartitionState, run: OwnedRun, warm: boolean): void {
    part.runs.delete(run.runId);
    part.sleepers.left(run.runId);
    const queue = part.queueOf(run.spec.workflowId);
    queue.live.delete(run);
    if (isWaiting(run.phase)) queue.waiting -= 1;
    this.unmarked.delete(run);
    this.runners.vacate(run, warm);
    this.dispatchDue = true;
  }

  /** An assignment is given up; the next one is made under a new number. */
  giveUp(part: PartitionState, run: OwnedRun): void {
    this.runners.vacate(run, false);
    run.fresh = false;
    run.started = false;
    this.move(part, run, "PENDING");
  }

  /** Lets a partition go: whatever is decided for it from here on is another owner's. */
  drop(partition: number): void {
    const part = this.owned.get(partition);
    this.ownership.release(partition);
    if (!part) return;
    this.owned.delete(partition);
    for (const queue of part.workflows.values()) this.ready.delete(queue);
    for (const run of part.runs.values()) {
      this.unmarked.delete(run);
      this.runners.vacate(run, false);
    }
  }
}

export function handingOf(run: OwnedRun): Handing {
  return { partition: run.partition, runId: run.runId, assignment: run.assignment };
}

function isWaiting(phase: Phase): boolean {
  return phase === "ACCEPTING" || phase === "PENDING";
}
