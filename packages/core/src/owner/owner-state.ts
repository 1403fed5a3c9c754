import type { Handing } from "../messages.ts";
import { decidePark, type Decision } from "../run/decide.ts";
import { placeStep } from "../run/steps.ts";
import type { Timing } from "../timing.ts";
import { CommitQueue, type Effect } from "./commit-queue.ts";
import { loseByCancel, withLoss } from "./lost-attempts.ts";
import { holdsPlace, isWaiting, ownTimeMs, type OwnedRun, type Phase } from "./owned-run.ts";
import type { OwnerPort } from "./owner-port.ts";
import { Ownership } from "./ownership.ts";
import type { PartitionState } from "./partition-state.ts";
import { Outbox } from "./outbox.ts";
import type { Change, LoadedQueue, OutboxMessage } from "./record.ts";
import { RunnerTable } from "./runner-table.ts";
import { SharedHead } from "./shared-head.ts";
import { ReadyQueues } from "./ready-queues.ts";
import { WaitingDemand } from "./demand.ts";
import { Handovers } from "./handovers.ts";
import type { HeadBounds, WorkflowQueue } from "./workflow-queue.ts";

const GIVEN_UP_MS_DEFAULT = 6000;
const HEAD_RUNS_DEFAULT = 256;
const HEAD_BYTES_DEFAULT = 4 * 1024 ** 2;
/** A workflow's turn goes on with another run while those that followed its first one have taken less than this in all. */
const TURN_MS = 100;
/** No run follows one that took longer. */
const SHORT_MS = 1000;

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
  /**
   * A submit that waits for its commit has been given up when no copy of it has come for so long: longer than a gateway's pause
   * between two of them. Default 6,000 ms.
   */
  readonly givenUpMs?: number;
  /** Most runs of one workflow's queue that are in memory; the others wait in the record. Default 256. */
  readonly queueHeadRuns?: number;
  /** Most bytes of them. Default 4 MiB. */
  readonly queueHeadBytes?: number;
  /** Waiting runs of all workflows together that may be in memory, though one of them has more than its head. Default none. */
  readonly sharedHeadRuns?: number;
  /** Most bytes of them. Default none. */
  readonly sharedHeadBytes?: number;
}

/** The memory of an owner, shared by its parts, with the moves that keep it consistent. */
export class OwnerState {
  readonly settings: OwnerSettings;
  readonly port: OwnerPort;
  readonly timing: Timing;
  readonly owned = new Map<number, PartitionState>();
  /** Grows whenever a partition comes or goes. */
  ownedChanges = 0;
  /** Partitions that are being taken; false: the claim was given up since, and another may have owned it meanwhile. */
  readonly taking = new Map<number, boolean>();
  readonly ownership: Ownership;
  readonly runners: RunnerTable;
  readonly commits: CommitQueue;
  readonly outbox = new Outbox(this);
  /** Workflows with waiting runs that could start. */
  readonly ready = new ReadyQueues();
  readonly demand = new WaitingDemand(this);
  readonly handovers = new Handovers(this);
  /** Workflows whose parked runs are to be read. */
  readonly pageDue = new Map<WorkflowQueue, PartitionState>();
  /** What a workflow's queue may have in memory. */
  readonly headBounds: HeadBounds;
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
    this.headBounds = {
      runs: settings.queueHeadRuns ?? HEAD_RUNS_DEFAULT,
      bytes: settings.queueHeadBytes ?? HEAD_BYTES_DEFAULT,
      shared: new SharedHead(settings.sharedHeadRuns ?? 0, settings.sharedHeadBytes ?? 0),
    };
    this.ownership = new Ownership(settings.scheduler, settings.partitionCount, settings.timing);
    this.runners = new RunnerTable(settings.scheduler, settings.timing);
    this.commits = new CommitQueue(settings.scheduler, settings.commitChangesMax ?? 1000);
  }

  isLeased(): boolean {
    return this.ownership.isLeased(this.port.nowMs());
  }

  /** The lease has lapsed: others may have taken what it named, so all of it is taken anew. */
  lapse(): void {
    for (const partition of [...this.owned.keys(), ...this.ownership.holds()]) this.drop(partition);
  }

  isCurrent(part: PartitionState): boolean {
    return this.owned.get(part.partition) === part;
  }

  find(handing: Handing): OwnedRun | undefined {
    return this.owned.get(handing.partition)?.runs.get(handing.runId);
  }

  /** Queues a change; its effect runs after its commit, which begins soon unless nobody waits for it. */
  commit(
    part: PartitionState,
    change: Change | null,
    effect: Effect,
    { isAwaited = true, lapses }: { readonly isAwaited?: boolean; readonly lapses?: () => boolean } = {},
  ): void {
    this.commits.add({ partition: part.partition, epoch: part.stamp.epoch, change, effect, lapses });
    if (isAwaited) this.port.flushSoon();
    else this.port.flushLater();
  }

  /** Applies a decision to the memory and queues its change. */
  decide(
    part: PartitionState,
    run: OwnedRun,
    decision: Decision,
    phase: Phase,
    effect: Effect,
    isAwaited = true,
  ): void {
    const outbox = decision.change.outbox?.map((message) => ({ ...message, sequence: part.nextSequence() }));
    if (phase === "CANCELLING") loseByCancel(run, this.port);
    const isFirstStep = run.steps.length === 0;
    const change = withLoss(run, outbox ? { ...decision.change, outbox } : decision.change);
    this.move(part, run, phase);
    run.state = change.state;
    run.assignment = change.assignment;
    run.startTimeMs = change.startTimeMs;
    if (change.step) {
      placeStep(run.steps, change.step);
      // Of a step that is executed again, the execution before it is not what the record will hold.
      run.committedSteps = Math.min(run.committedSteps, run.steps.length - 1);
    }
    if (change.kind === "update") {
      run.wakeTimeMs = change.wakeTimeMs;
      run.deaths = change.deaths;
      run.parked = change.parked ?? run.parked;
    }
    run.marked = true;
    const kept = change.kind === "end" && isFirstStep ? { ...change, isFirstStep } : change;
    const told = change.outbox ? this.withOutbox(part, change.outbox, effect) : effect;
    this.commit(part, kept, told, { isAwaited });
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
    if (isWaiting(before) !== isWaiting(phase)) queue.held += isWaiting(phase) ? 1 : -1;
    if (holdsPlace(run)) queue.live.add(run);
    else if (queue.live.delete(run)) this.wake(queue, part);
    if (before === "PENDING") queue.remove(run);
    if (phase === "PENDING") this.enqueue(part, queue, run);
    else if (queue.isPageDue()) this.pageDue.set(queue, part);
    if (phase !== "RUNNING") this.unmarked.delete(run);
  }

  /** Puts a run into memory. */
  insert(part: PartitionState, run: OwnedRun): void {
    part.runs.set(run.runId, run);
    const queue = part.queueOf(run.spec.workflowId);
    queue.follow(run);
    queue.join(part.projectOf(run.spec.projectId));
    if (isWaiting(run.phase)) queue.held += 1;
    if (holdsPlace(run)) queue.live.add(run);
    if (run.phase === "PENDING") this.enqueue(part, queue, run);
  }

  private enqueue(part: PartitionState, queue: WorkflowQueue, run: OwnedRun): void {
    queue.add(run);
    this.ready.set(queue, part);
    this.dispatchDue = true;
    this.relieve(part, queue);
  }

  /** Parks what stands last in a head that has become too long; what a runner may still have stays. */
  relieve(part: PartitionState, queue: WorkflowQueue): void {
    for (let last = queue.excess(); last && isParkable(last); last = queue.excess()) this.park(part, last);
    if (queue.isPageDue()) this.pageDue.set(queue, part);
  }

  /** Lets a waiting run go from memory, as soon as the record says that it waits there. */
  park(part: PartitionState, run: OwnedRun): void {
    if (run.parked) return this.leave(part, run);
    this.decide(part, run, decidePark(run), "PARKING", () => this.settleParked(part, run));
  }

  /** The record says that the run waits there. It leaves the memory, unless there is room for it by now. */
  settleParked(part: PartitionState, run: OwnedRun): void {
    run.fresh = false;
    run.started = false;
    if (part.queueOf(run.spec.workflowId).parks(run)) this.leave(part, run);
    else this.move(part, run, "PENDING");
  }

  /** Takes over what an owner before this one has parked. */
  inherit(part: PartitionState, { workflowId, projectId, parked, first }: LoadedQueue): void {
    const queue = part.queueOf(workflowId);
    queue.join(part.projectOf(projectId));
    queue.inherit(parked, first);
    this.pageDue.set(queue, part);
  }

  /** The record has a run that a page may have passed over: what may bring it is read once more. */
  restartReads(part: PartitionState, { spec }: OwnedRun): void {
    part.sleepers.restart();
    const queue = part.queueOf(spec.workflowId);
    if (queue.isPageDue()) this.pageDue.set(queue, part);
  }

  private leave(part: PartitionState, run: OwnedRun): void {
    const queue = part.queueOf(run.spec.workflowId);
    this.forget(part, run, false);
    queue.park(run);
    if (queue.isPageDue()) this.pageDue.set(queue, part);
  }

  /** Takes a run out of memory: its end is committed, or a pause that lasts. */
  forget(part: PartitionState, run: OwnedRun, warm: boolean): void {
    part.departures.left(run.runId);
    this.withdraw(part, run);
    this.runners.vacate(run, warm);
    if (warm) this.extendTurn(part.queueOf(run.spec.workflowId), run);
    this.dispatchDue = true;
  }

  /** Where a run was short, the next of its workflow may follow it for a while. */
  private extendTurn(queue: WorkflowQueue, run: OwnedRun): void {
    const tookMs = ownTimeMs(run);
    // What its first run took may be the start of its environment.
    if (run.runId !== queue.turnOpener) queue.turnMs += Math.max(1, tookMs);
    if (tookMs < SHORT_MS && queue.turnMs < TURN_MS) this.ready.extend(queue);
  }

  /** Something of a workflow has changed that may have kept it from starting. */
  wake(queue: WorkflowQueue, part: PartitionState): void {
    if (queue.size > 0) this.ready.set(queue, part);
    this.dispatchDue = true;
  }

  /** Takes a run out of memory that was none: what is read of the run of its id is not of the past. */
  withdraw(part: PartitionState, run: OwnedRun): void {
    part.runs.delete(run.runId);
    const queue = part.queueOf(run.spec.workflowId);
    if (queue.live.delete(run)) this.wake(queue, part);
    if (isWaiting(run.phase)) queue.held -= 1;
    if (run.phase === "PENDING") queue.remove(run);
    this.unmarked.delete(run);
  }

  /** Who has stopped asking was told that nothing is known of the run: behind a long outage it is not begun for nobody. */
  lapsed(part: PartitionState, run: OwnedRun): boolean {
    const { givenUpMs = GIVEN_UP_MS_DEFAULT } = this.settings;
    if (this.port.nowMs() - run.askedAtMs < givenUpMs || !this.isCurrent(part)) return false;
    this.withdraw(part, run);
    // It may have been in the record before; while it stood here as a new run, the page that brings it may have come by.
    this.restartReads(part, run);
    return true;
  }

  /** An assignment is given up; the next one is made under a new number. */
  giveUp(part: PartitionState, run: OwnedRun): void {
    this.runners.vacate(run, false);
    run.fresh = false;
    run.started = false;
    run.sentAtMs = 0;
    this.move(part, run, "PENDING");
  }

  /** Lets a partition go: whatever is decided for it from here on is another owner's. */
  drop(partition: number): void {
    const part = this.owned.get(partition);
    this.ownership.release(partition);
    if (this.taking.has(partition)) this.taking.set(partition, false);
    if (!part) return;
    this.owned.delete(partition);
    this.ownedChanges += 1;
    for (const queue of part.workflows.values()) {
      this.ready.delete(queue);
      this.pageDue.delete(queue);
      queue.release();
    }
    for (const run of part.runs.values()) {
      this.unmarked.delete(run);
      this.runners.vacate(run, false);
    }
  }
}

export function handingOf(run: OwnedRun): Handing {
  return { partition: run.partition, runId: run.runId, assignment: run.assignment };
}

/** False for a run that was given to a runner: where its environment may live, it is adopted again. */
function isParkable({ parked, state, runner }: OwnedRun): boolean {
  return parked || state === "SUSPENDED" || (state === "PENDING" && runner === "");
}
