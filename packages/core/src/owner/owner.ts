/**
 * The brain of a scheduler: the only writer of the runs of the partitions that it owns.
 *
 * It is driven by messages, commit outcomes, lease replies and ticks, and acts through `OwnerPort` alone: no I/O, no
 * clock, no randomness of its own. Effects leave only after the commit of what they follow from. Whatever arrives may be
 * a copy, late, or from an assignment that no longer counts; `proto/millrace/control/v1/control.proto` says for each kind
 * how that is recognised.
 */
import type {
  Accepted,
  Cancel,
  Cancelled,
  Checkpoint,
  Handing,
  Heartbeat,
  Offer,
  PartitionsReleased,
  Refused,
  Resume,
  Resumed,
  Submit,
  SubmitRefusal,
} from "../messages.ts";
import { decideCancel, decideCheckpoint, type Decision } from "../run/decide.ts";
import type { RunState } from "../run/run-state.ts";
import { parseStepPath } from "../run/step-path.ts";
import type { StepResult } from "../run/step-result.ts";
import { nextStepPath } from "../run/steps.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Leaseholder, type Taken } from "./leaseholder.ts";
import { acceptRun, busyMsOf, isInFlight, isLimited, type OwnedRun, type Phase } from "./owned-run.ts";
import type {
  OutboxQuery,
  OwnerPort,
  QueueQuery,
  RunRequest,
  ShareRequest,
  SubmitQuery,
  WakeQuery,
} from "./owner-port.ts";
import { handingOf, OwnerState, type OwnerSettings } from "./owner-state.ts";
import type { PartitionState } from "./partition-state.ts";
import { Pauses } from "./pauses.ts";
import { lingerKey } from "./handovers.ts";
import { poolLoads, type PoolLoad } from "./pool-loads.ts";
import { QueuePager } from "./queue-pager.ts";
import { ProjectShares } from "./project-shares.ts";
import { Refusals } from "./refusals.ts";
import { Reconciler } from "./reconciler.ts";
import type {
  AcceptChange,
  AcceptOutcome,
  CommitOutcome,
  FoundRun,
  OutboxPage,
  OutboxTargets,
  QueuePage,
  ShareOutcome,
  WakePage,
} from "./record.ts";

const COMMIT_QUEUE_MAX_DEFAULT = 20_000;

export class Owner {
  private readonly state: OwnerState;
  private readonly dispatcher: Dispatcher;
  private readonly reconciler: Reconciler;
  private readonly pauses: Pauses;
  private readonly pager: QueuePager;
  private readonly refusals: Refusals;
  private readonly shares: ProjectShares;
  private readonly leaseholder: Leaseholder;

  constructor(settings: OwnerSettings, port: OwnerPort) {
    this.state = new OwnerState(settings, port);
    this.leaseholder = new Leaseholder(this.state);
    this.dispatcher = new Dispatcher(this.state);
    this.pager = new QueuePager(this.state);
    this.shares = new ProjectShares(this.state, (submit) => this.onSubmit(submit));
    this.refusals = new Refusals(this.state, {
      refused: (part, runId, gateway, outcome) => this.refuse(part, runId, gateway, outcome),
      accepted: (part, runId, gateway, actualRunId) => this.accepted(part, runId, gateway, actualRunId),
    });
    this.reconciler = new Reconciler(this.state, this.dispatcher, (part, run) => this.finish(part, run, false));
    this.pauses = new Pauses(this.state, {
      finish: (part, run, warm) => this.finish(part, run, warm),
      cancel: (message) => this.onCancel(message),
      cancelled: (part, message, state) => this.cancelled(part, message, state),
    });
  }

  /** Partitions owned now, with their epochs. */
  partitions(): ReadonlyMap<number, number> {
    return new Map([...this.state.owned].map(([partition, part]) => [partition, part.stamp.epoch]));
  }

  /** Whether a partition is owned now, under a lease that lives: only then may a neighbour hand work over without the broker. */
  owns(partition: number): boolean {
    return this.state.owned.has(partition) && this.state.isLeased();
  }

  /** Grows whenever a partition comes or goes. */
  get partitionChanges(): number {
    return this.state.ownedChanges;
  }

  /** Unfinished runs in memory, waiting runs that are in the record alone, and changes waiting for a commit. */
  counts(): { runs: number; parked: number; commitQueue: number } {
    let [runs, parked] = [0, 0];
    for (const part of this.state.owned.values()) {
      runs += part.runs.size;
      for (const queue of part.workflows.values()) parked += queue.parked;
    }
    return { runs, parked, commitQueue: this.state.commits.length };
  }

  // Leases and partitions

  /** Call every `tickMs`: renews the lease and looks at the timers. */
  onTick(): void {
    const { state } = this;
    this.leaseholder.patrol();
    this.leaseholder.renew();
    this.reconciler.patrol();
    this.pauses.patrol();
    state.outbox.patrol();
    this.pager.onTick();
    this.shares.onTick();
    this.dispatcher.markRunning();
    this.settle();
  }

  /** Writes the lease again with what is claimed by now. */
  renewLease(): void {
    this.leaseholder.renew();
  }

  /** The lease was renewed, without a look at the others. */
  onLeaseKept(sentAtMs: number): void {
    this.leaseholder.onKept(sentAtMs);
  }

  /** The lease was renewed; `living` was read after it was written. */
  onLease(sentAtMs: number, holds: ReadonlySet<number>, living: ReadonlyMap<string, ReadonlySet<number>>): void {
    this.leaseholder.onLease(sentAtMs, holds, living);
  }

  /** Partitions were taken, or could not be (`taken` lacks them): those are tried again after the next lease. */
  onTaken(partitions: readonly number[], taken: ReadonlyMap<number, Taken>): void {
    this.leaseholder.onTaken(partitions, taken);
    this.settle();
  }

  /** A clean stop: lets all partitions go and takes none any more; what was decided is still committed. */
  retire(): void {
    this.state.handovers.release([...this.state.owned.keys()]);
    this.state.ownership.retire();
  }

  /** Another scheduler has let partitions go. */
  onReleased({ releases }: PartitionsReleased): void {
    this.state.handovers.onReleased(releases);
    this.settle();
  }

  /** What runs want of each pool, and have of it. */
  pools(): Map<string, PoolLoad> {
    return poolLoads(this.state);
  }

  /** The runners that are alive, as their newest heartbeats say. */
  runners(): Heartbeat[] {
    return this.state.runners.living(this.state.port.nowMs());
  }

  /** The scheduler's own connection to NATS went down or came back: until a heartbeat window later nobody is dead. */
  onConnection(connected: boolean): void {
    this.state.connected = connected;
    this.state.graceUntilMs = this.state.port.nowMs() + this.state.timing.heartbeatMs * 1.2;
  }

  // Commits

  /** Starts the next commit when none is in flight. */
  flush(): void {
    if (this.state.commits.length > 0) this.dispatcher.markRunning();
    const batch = this.state.commits.next();
    if (batch) this.state.port.commit(batch);
    this.settle();
  }

  /** The commit in flight is done. */
  onCommitted(outcome: CommitOutcome): void {
    const refused = this.state.commits.finish(outcome);
    for (const [partition, epoch] of refused) {
      if (this.state.owned.get(partition)?.stamp.epoch === epoch) this.state.drop(partition);
    }
    if (refused.size > 0) this.renewLease();
    // After what has arrived meanwhile is read, too: it joins the next commit instead of waiting for the one behind it.
    this.state.port.flushSoon();
  }

  // Gateways

  onSubmit(submit: Submit): void {
    const { state } = this;
    const part = state.owned.get(submit.partition);
    if (!part) return;
    const known = part.runs.get(submit.runId);
    if (known) {
      known.askedAtMs = state.port.nowMs();
      state.commit(
        part,
        null,
        () => known.committed && this.accepted(part, submit.runId, submit.gateway, submit.runId),
      );
      return;
    }
    if (this.refusals.repeats(part, submit)) return;
    if (state.commits.length >= (state.settings.commitQueueMax ?? COMMIT_QUEUE_MAX_DEFAULT)) {
      return this.refusals.add(part, submit, "UNAVAILABLE");
    }
    const queue = part.queueOf(submit.spec.workflowId);
    if (submit.spec.queueLimit > 0) queue.queueLimit = submit.spec.queueLimit;
    if (queue.waiting >= queue.queueLimit) return this.refusals.add(part, submit, "QUEUE_FULL");
    const admission = this.shares.admit(part, submit);
    if (admission === "FULL") return this.refusals.add(part, submit, "PROJECT_QUEUE_FULL");
    if (admission === "YES") this.accept(part, submit);
  }

  private accept(part: PartitionState, submit: Submit): void {
    const { state } = this;
    const run = acceptRun(submit, part.nextSequence(), state.port.nowMs());
    state.insert(part, run);
    run.parked = part.queueOf(submit.spec.workflowId).parks(run);
    const change: AcceptChange = { kind: "accept", sequence: run.sequence, parked: run.parked, ...submit };
    const settle = (outcome: AcceptOutcome | undefined) => this.settleAccept(part, run, submit, outcome);
    state.commit(part, change, settle, { lapses: () => state.lapsed(part, run) });
  }

  private settleAccept(part: PartitionState, run: OwnedRun, submit: Submit, outcome: AcceptOutcome | undefined): void {
    const { state } = this;
    const isNew = outcome === undefined || outcome.kind === "inserted";
    if (isNew) {
      run.committed = true;
      if (run.parked) state.settleParked(part, run);
      else {
        run.fresh = true;
        state.move(part, run, "PENDING");
      }
    } else {
      // One that is there already, and not in memory, is paused or parked: it goes on when its time comes. While it stood here
      // as a new run, the page that brings it may have come by.
      state.withdraw(part, run);
      if (outcome.kind === "exists" && !outcome.ended) state.restartReads(part, run);
    }
    if (outcome?.kind === "rejected") return this.refuse(part, submit.runId, submit.gateway, "UNAVAILABLE");
    // Whoever waits for the answer hears by it that the run is in the record, or asks with a second copy of the submit.
    if (isNew && submit.wantsAnswer) return state.port.submitSettled(submit.runId, "ACCEPTED");
    this.accepted(part, submit.runId, submit.gateway, outcome?.kind === "key" ? outcome.runId : submit.runId);
  }

  private accepted(part: PartitionState, runId: string, gateway: string, actualRunId: string): void {
    const message = { owner: part.stamp, runId, actualRunId, outcome: "ACCEPTED" } as const;
    this.state.port.submitSettled(runId, "ACCEPTED");
    this.state.port.toGateway(gateway, "accepted", message);
  }

  private refuse(part: PartitionState, runId: string, gateway: string, outcome: SubmitRefusal): void {
    const message = { owner: part.stamp, runId, actualRunId: runId, outcome };
    this.state.port.submitSettled(runId, outcome);
    this.state.port.toGateway(gateway, "accepted", message);
  }

  /** What became of `leaseShares`; undefined when that is not known. */
  onSharesLeased(requests: readonly ShareRequest[], outcome: ShareOutcome | undefined): void {
    if (this.shares.onLeased(requests, outcome)) this.renewLease();
    this.settle();
  }

  /** For each query of `findSubmits` the run that it stands for; undefined when the record could not be read. */
  onSubmitsFound(queries: readonly SubmitQuery[], found: readonly (string | undefined)[] | undefined): void {
    this.refusals.onFound(queries, found);
  }

  onCancel(cancel: Cancel): void {
    const { state } = this;
    const part = state.owned.get(cancel.partition);
    if (!part) return;
    const run = part.runs.get(cancel.runId);
    if (!run) return this.pauses.find(part, { kind: "cancel", message: cancel });
    if (isInFlight(run) && run.phase !== "ASSIGNING") return;
    const before = run.phase;
    const handing = handingOf(run);
    state.decide(part, run, decideCancel(run, cancel.reason, state.port.wallMs()), "CANCELLING", () => {
      this.linger(part, run, before);
      this.finish(part, run, false);
      this.cancelled(part, cancel, "CANCELLED");
      if (run.runner !== "") this.reconciler.order(run.runner, run.runnerIncarnation, 0, [], [handing]);
    });
    this.settle();
  }

  onResume(message: Resume): void {
    this.pauses.onResume(message);
    this.settle();
  }

  /** What `findRun` found; undefined when it failed. */
  onRunFound(partition: number, epoch: number, request: RunRequest, found: FoundRun | undefined): void {
    this.pauses.onFound(partition, epoch, request, found);
    this.settle();
  }

  /** What `pageQueues` found, in the order of the queries; undefined when it failed, or for a partition whose epoch has moved. */
  onQueuesPaged(queries: readonly QueueQuery[], pages: readonly (QueuePage | undefined)[] | undefined): void {
    if (this.pager.onPaged(queries, pages)) this.renewLease();
    this.settle();
  }

  /** What `page` found; undefined when it failed. Partitions whose epoch has moved are missing. */
  onPaged(queries: ReadonlyMap<number, WakeQuery>, pages: ReadonlyMap<number, WakePage> | undefined): void {
    if (this.pauses.onPaged(queries, pages)) this.renewLease();
    this.settle();
  }

  // Other owners, about messages of this one's outbox

  onAccepted(message: Accepted): void {
    this.state.outbox.onAccepted(message);
  }

  onResumed(message: Resumed): void {
    this.state.outbox.onResumed(message);
  }

  onCancelled(message: Cancelled): void {
    this.state.outbox.onCancelled(message);
  }

  /** A start that was to be delivered names a workflow that cannot be started. */
  onUndeliverable(id: string, reason: string, message: string): void {
    this.state.outbox.onUndeliverable(id, reason, message);
  }

  /** What `readOutbox` found, in the order of the queries; undefined when it failed, or for a partition whose epoch has moved. */
  onOutboxRead(queries: readonly OutboxQuery[], pages: readonly (OutboxPage | undefined)[] | undefined): void {
    if (this.state.outbox.onRead(queries, pages)) this.renewLease();
  }

  /** What `readOutboxTargets` found; undefined when it failed. */
  onOutboxTargets(partition: number, epoch: number, page: OutboxTargets | undefined): void {
    const part = this.state.owned.get(partition);
    if (part?.stamp.epoch === epoch) this.state.outbox.onTargets(part, page);
  }

  private cancelled(part: PartitionState, cancel: Cancel, runState: RunState | undefined): void {
    const message = { owner: part.stamp, runId: cancel.runId, state: runState };
    this.state.port.toGateway(cancel.gateway, "cancelled", message);
  }

  /** A cancelled run keeps its place until its environment is reported gone, or cannot live any more. */
  private linger(part: PartitionState, run: OwnedRun, before: Phase): void {
    if (!isLimited(run) || (before !== "RUNNING" && before !== "DOUBT")) return;
    const sinceMs = before === "RUNNING" ? run.heardAtMs : part.sinceMs;
    const queue = part.queueOf(run.spec.workflowId);
    queue.linger.set(lingerKey(handingOf(run)), sinceMs + this.state.timing.limitedWaitMs);
  }

  // Runners

  onHeartbeat(beat: Heartbeat): void {
    this.reconciler.heartbeat(beat);
    this.settle();
  }

  onOffer(message: Offer): void {
    this.state.runners.offer(message, this.state.port.nowMs());
    this.state.dispatchDue = true;
    this.settle();
  }

  onRefused(message: Refused): void {
    this.reconciler.refused(message);
    this.settle();
  }

  /** Whether this owner itself has given that assignment to that runner, or has taken it over from it. */
  isAssignedTo({ partition, runId, assignment }: Handing, runner: string): boolean {
    const run = this.state.owned.get(partition)?.runs.get(runId);
    return run !== undefined && run.assignment === assignment && run.runner === runner;
  }

  onCheckpoint(message: Checkpoint): void {
    const { handing, runner, runnerIncarnation, result } = message;
    const part = this.state.owned.get(handing.partition);
    if (!part) return;
    const run = part.runs.get(handing.runId);
    if (run && isInFlight(run)) return;
    if (!run || run.assignment !== handing.assignment || run.phase === "SUSPENDED") {
      // Stale, as far as decided: the runner is told to end it once that is in the record.
      this.state.commit(part, null, () => this.reconciler.order(runner, runnerIncarnation, 0, [], [handing]));
      return;
    }
    if (result.path === nextStepPath(run)) {
      // A step before this one whose commit is not done here was committed by another owner: ours is about to be refused.
      if (run.committedSteps === run.steps.length) this.checkpoint(part, run, message);
      return;
    }
    const index = parseStepPath(result.path);
    const done = run.steps[index];
    if (done?.path === result.path && index < run.committedSteps && done.executionId === result.executionId) {
      this.committed(part, run, message, "NEXT");
    }
  }

  private checkpoint(part: PartitionState, run: OwnedRun, message: Checkpoint): void {
    const { result } = message;
    const decision = decideCheckpoint(run, result);
    const phases = { END: "ENDING", SUSPEND: "SUSPENDING", NEXT: run.phase } as const;
    const effect = (): void => {
      run.committedSteps += 1;
      // First: somebody waits for the answer, and nobody for a runner that lets a run go.
      this.release(part, run, result);
      this.committed(part, run, message, decision.then);
      this.afterCheckpoint(part, run, decision);
    };
    const isAwaited = decision.then !== "END" || this.isEndAwaited(run, result, decision);
    this.state.decide(part, run, decision, phases[decision.then], effect, isAwaited);
  }

  /** Whether anything waits for the commit of a run's end: a caller, another run, its place in a limit, or its slot. */
  private isEndAwaited(run: OwnedRun, { response }: StepResult, { change }: Decision): boolean {
    if (run.wantsEnd || change.outbox !== undefined || isLimited(run) || this.state.ready.lanes.size > 0) return true;
    const isAnswered = this.answerOf(run) !== undefined || response?.immediate === true;
    return run.wantsAnswer && !isAnswered;
  }

  private afterCheckpoint(part: PartitionState, run: OwnedRun, decision: Decision): void {
    if (decision.then === "END") this.finish(part, run, decision.change.state === "SUCCEEDED");
    if (decision.then === "SUSPEND") {
      this.tellPaused(part, run);
      this.pauses.begin(part, run);
    }
  }

  /** Who waits for an answer is told now: nobody can wait for as long as a pause may last. */
  private tellPaused(part: PartitionState, run: OwnedRun): void {
    if (run.wantsAnswer && run.gateway !== "" && !this.answerOf(run)) {
      const message = { owner: part.stamp, runId: run.runId, state: run.state, responsePath: "", busyMs: 0 };
      this.state.port.toGateway(run.gateway, "ended", message);
    }
    run.wantsAnswer = false;
  }

  private committed(part: PartitionState, run: OwnedRun, message: Checkpoint, then: Decision["then"]): void {
    const { handing, runner, runnerIncarnation, result } = message;
    const { path } = result;
    this.state.port.toRunner(runner, "committed", { owner: part.stamp, handing, runnerIncarnation, path, then });
  }

  /** The first answer whose checkpoint is committed goes out. */
  private release(part: PartitionState, run: OwnedRun, result: StepResult): void {
    if (!run.wantsAnswer || !result.response || this.answerOf(run) !== result) return;
    const { path, executionId, response } = result;
    const told = { path, executionId, response, busyMs: busyMsOf(run, this.state.port) };
    this.state.port.toGateway(run.gateway, "release", { owner: part.stamp, runId: run.runId, ...told });
  }

  private answerOf(run: OwnedRun): StepResult | undefined {
    return run.steps.find((step) => step.response !== undefined);
  }

  /** The end is committed: whoever waits is told, and the place is free. */
  private finish(part: PartitionState, run: OwnedRun, warm: boolean): void {
    this.state.forget(part, run, warm);
    const answer = this.answerOf(run);
    if (run.gateway === "" || !(run.wantsEnd || (run.wantsAnswer && !answer))) return;
    const told = { state: run.state, responsePath: answer?.path ?? "", busyMs: busyMsOf(run, this.state.port) };
    this.state.port.toGateway(run.gateway, "ended", { owner: part.stamp, runId: run.runId, ...told });
  }

  private settle(): void {
    if (this.state.dispatchDue) {
      this.dispatcher.dispatch();
      this.reconciler.ask();
    }
    this.pager.patrol();
  }
}
