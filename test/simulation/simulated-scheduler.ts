import {
  isResumePath,
  OwnerBrain,
  type Change,
  type CommitBatch,
  type CommitOutcome,
  type GatewayMessages,
  type messages,
  type OutboxBody,
  type OutboxMessage,
  type OutboxQuery,
  type OwnerPort,
  type QueueQuery,
  type RunnerMessages,
  type RunRequest,
  type ShareRequest,
  type SubmitQuery,
  type Taken,
  type WakeQuery,
} from "@millrace/core";
import { mutateBrain, optimisticOutcome, shuffleSequences } from "./mutate-scheduler.ts";
import { Process } from "./process.ts";
import { PARTITIONS, type Simulation } from "./simulation.ts";

const COMMIT_RETRY_MS = 50;

/** An exchange with NATS takes no longer. */
const LEASE_TIMEOUT_MS = 1_000;
/** One that is alone looks for others this often. */
const LOOK_EVERY_MS = 2_000;

/** The real owner brain on a simulated process. */
export class SimulatedScheduler extends Process implements OwnerPort {
  private brain: OwnerBrain;
  private lease: string;
  private connected = true;
  private shown = "";
  /** When the lease that is under way was sent. */
  private leaseSentMs: number | undefined;
  private leaseAgain = false;
  /** Until when its last look at the leases, which found nobody else, counts. */
  private aloneUntilMs = -Infinity;
  private closing = false;

  constructor(simulation: Simulation, name: string) {
    super(simulation, name);
    this.lease = `${name}-0`;
    this.brain = this.createBrain();
  }

  override boot(): void {
    this.lease = `${this.name}-${this.incarnation}`;
    this.connected = true;
    this.leaseSentMs = undefined;
    this.leaseAgain = false;
    this.aloneUntilMs = -Infinity;
    this.closing = false;
    this.brain = this.createBrain();
  }

  private createBrain(): OwnerBrain {
    const { timing, random, mutations, headRuns } = this.simulation;
    const heads = { queueHeadRuns: headRuns, sharedHeadRuns: headRuns === 2 ? 4 : 0, sharedHeadBytes: 1e6 };
    // Soon, so that submits whose next copy is still on its way are met, too.
    const givenUpMs = headRuns === 1 ? 3 : 6000;
    const settings = { scheduler: this.lease, partitionCount: PARTITIONS, timing, givenUpMs, ...heads };
    const brain = new OwnerBrain(settings, this);
    mutateBrain(brain, mutations);
    this.later(random.uniform(0, timing.tickMs), () => this.tick());
    return brain;
  }

  private tick(): void {
    if (this.closing) return;
    this.lookAtConnection();
    this.brain.onTick();
    this.later(this.simulation.timing.tickMs, () => this.tick());
  }

  /** A process notices the loss of its own connection, and its return, within a tick. */
  private lookAtConnection(): void {
    const connected = this.simulation.isConnected(this);
    if (connected === this.connected || this.simulation.has("no_nats_grace")) return;
    this.connected = connected;
    this.aloneUntilMs = -Infinity;
    this.brain.onConnection(connected);
  }

  /** A clean stop: what was decided is committed, then the next owners are let in. */
  leave(spanMs: number, tries = 100): void {
    if (this.simulation.has("leave_untold")) return this.killFor(spanMs);
    this.brain.retire();
    this.closing = true;
    // A renewal that is under way would bring the lease back.
    const waits = this.brain.counts().commitQueue > 0 || this.leaseSentMs !== undefined;
    if (waits && tries > 0) return this.later(20, () => this.leave(spanMs, tries - 1));
    this.simulation.leases.remove(this, this.lease, () => {
      this.nudgeOthers();
      this.killFor(spanMs);
    });
    this.later(LEASE_TIMEOUT_MS, () => this.killFor(spanMs));
  }

  // What arrives

  onLease(sentAtMs: number, holds: ReadonlySet<number>, living: ReadonlyMap<string, ReadonlySet<number>>): void {
    this.aloneUntilMs = living.size === 1 ? sentAtMs + LOOK_EVERY_MS : -Infinity;
    this.brain.onLease(sentAtMs, holds, living);
    this.show(holds);
    this.endLease(sentAtMs);
  }

  onLeaseKept(sentAtMs: number): void {
    this.brain.onLeaseKept(sentAtMs);
    this.endLease(sentAtMs);
  }

  onSubmit(message: messages.Submit): void {
    this.brain.onSubmit(message);
  }

  onCancel(message: messages.Cancel): void {
    this.brain.onCancel(message);
  }

  onHeartbeat(beat: messages.Heartbeat): void {
    const blind = this.simulation.has("no_reconcile");
    this.brain.onHeartbeat(blind ? { ...beat, held: [], gone: [] } : beat);
  }

  /** Partitions that it owns. */
  owned(): Iterable<number> {
    return this.up ? this.brain.partitions().keys() : [];
  }

  isCalled(name: string): boolean {
    return this.lease === name;
  }

  onOffer(scheduler: string, message: messages.Offer): void {
    if (this.lease === scheduler) this.brain.onOffer(message);
  }

  /** Another scheduler's lease has changed. */
  onNudge(): void {
    this.aloneUntilMs = -Infinity;
    this.brain.renewLease();
  }

  onCheckpoint(message: messages.Checkpoint): void {
    this.brain.onCheckpoint(message);
  }

  onRefused(message: messages.Refused): void {
    this.brain.onRefused(message);
  }

  // OwnerPort

  nowMs(): number {
    return this.simulation.nowMs;
  }

  wallMs(): number {
    return this.simulation.nowMs + (this.simulation.has("wake_early") ? 1000 : 0);
  }

  submitSettled(): void {}

  toGateway<K extends keyof GatewayMessages>(gateway: string, kind: K, given: GatewayMessages[K]): void {
    const over = this.simulation.has("resume_always_done") && "outcome" in given && given.outcome === "OVER";
    const message = over ? { ...given, outcome: "DONE" as const } : given;
    const to = this.simulation.gateways.find(({ name }) => name === gateway);
    if (to) return this.simulation.send(this, to, kind, () => to.receive(kind, message));
    const owner = this.simulation.schedulers.find(({ lease }) => lease === gateway);
    if (owner) this.simulation.send(this, owner, kind, () => owner.lease === gateway && owner.receive(kind, message));
  }

  toRunner<K extends keyof RunnerMessages>(runner: string, kind: K, message: RunnerMessages[K]): void {
    const to = this.simulation.runners.find(({ name }) => name === runner);
    if (!to) return;
    if (kind === "assign") {
      const { runId, assignment } = message as messages.Assign;
      this.simulation.monitor.assigned(runId, assignment);
      this.simulation.log(this.name, "assigns run", runId, "number", assignment, "to", runner);
    }
    if (kind === "renew") {
      const { demand } = message as messages.Renew;
      const waits = demand.map(({ projectId, waiting }) => `${waiting} of ${projectId}`);
      if (waits.length > 0) this.simulation.log(this.name, "tells", runner, "what waits:", waits.join());
    }
    this.simulation.send(this, to, kind, () => to.receive(kind, message));
  }

  flushSoon(): void {
    this.later(0.2, () => this.brain.flush());
  }

  flushLater(): void {
    this.later(2, () => this.brain.flush());
  }

  commit(given: CommitBatch): void {
    const { simulation, brain } = this;
    const batch = simulation.has("suspend_keeps_assignment")
      ? { ...given, changes: given.changes.map(keepOpen) }
      : given;
    if (simulation.has("resume_acked_early")) this.acknowledgeResumes(batch);
    if (simulation.has("cancel_acked_early")) this.acknowledgeCancels(batch);
    const early = simulation.has("effects_before_commit");
    const finish = (outcome: CommitOutcome) => brain === this.brain && brain.onCommitted(outcome);
    if (early) this.later(0.1, () => finish(optimisticOutcome(batch)));
    const write = (): void =>
      simulation.postgres.commit(this, batch, (outcome) => {
        if (outcome === undefined) return this.later(COMMIT_RETRY_MS, write);
        if (!early) finish(outcome);
      });
    write();
  }

  private acknowledgeCancels({ changes }: CommitBatch): void {
    for (const { kind, runId, partition, ...change } of changes) {
      if (kind !== "end" || !("state" in change) || change.state !== "CANCELLED") continue;
      const owner = { scheduler: this.lease, partition, epoch: Number.MAX_SAFE_INTEGER };
      for (const { name } of this.simulation.gateways)
        this.toGateway(name, "cancelled", { owner, runId, state: "CANCELLED" });
    }
  }

  private acknowledgeResumes({ changes }: CommitBatch): void {
    for (const change of changes) {
      const step = change.kind === "update" || change.kind === "end" ? change.step : null;
      if (!step || !isResumePath(step.path)) continue;
      const { partition, runId } = change;
      const owner = { scheduler: this.lease, partition, epoch: Number.MAX_SAFE_INTEGER };
      const message = { owner, runId, requestId: step.executionId, outcome: "DONE", state: undefined } as const;
      for (const { name } of this.simulation.gateways) this.toGateway(name, "resumed", message);
    }
  }

  take(partitions: readonly number[]): void {
    const { brain, simulation } = this;
    for (const partition of partitions) {
      simulation.postgres.take(this, partition, (taken) => {
        if (brain !== this.brain) return;
        brain.onTaken([partition], new Map(taken ? [[partition, this.shuffled(taken)]] : []));
        if (taken) {
          const owns = brain.partitions().get(partition) === taken.epoch ? "owns" : "has lost while it took";
          simulation.log(
            this.name,
            owns,
            "partition",
            partition,
            "epoch",
            taken.epoch,
            "runs",
            taken.found?.rows.length,
          );
          this.announce(partition, taken.epoch);
        }
        mutateBrain(brain, simulation.mutations);
      });
    }
  }

  private announce(partition: number, epoch: number): void {
    const { simulation } = this;
    if (!this.brain.partitions().has(partition)) return;
    const message = { owners: [{ scheduler: this.lease, partition, epoch }] };
    for (const to of [...simulation.gateways, ...simulation.runners]) {
      simulation.send(this, to, "moved", () => to.onOwnersMoved(message));
    }
  }

  private shuffled(taken: Taken): Taken {
    const { simulation } = this;
    if (!taken.found || !simulation.has("order_forgotten")) return taken;
    return { ...taken, found: { ...taken.found, rows: shuffleSequences(taken.found.rows, simulation.random) } };
  }

  /** One at a time, as in a real scheduler: a claim made meanwhile is written right after it. */
  putLease(holds: readonly number[], isSettled: boolean): void {
    if (this.closing) return;
    if (this.leaseSentMs !== undefined) {
      this.leaseAgain = true;
      return;
    }
    const sentMs = this.simulation.nowMs;
    this.leaseSentMs = sentMs;
    this.later(LEASE_TIMEOUT_MS, () => this.endLease(sentMs));
    const looks = !isSettled || sentMs > this.aloneUntilMs;
    this.simulation.leases.put(this, this.lease, sentMs, new Set(holds), looks);
  }

  /** Others are told to look once the lease is written: who looks earlier sees nothing new. */
  private show(holds: ReadonlySet<number>): void {
    const shown = [...holds].join();
    if (shown === this.shown) return;
    this.shown = shown;
    this.nudgeOthers();
  }

  tellReleased(message: messages.PartitionsReleased): void {
    const forged = this.simulation.has("release_forgets")
      ? { releases: message.releases.map((one) => ({ ...one, runIds: [], runners: [], places: [] })) }
      : message;
    for (const to of this.simulation.schedulers) {
      if (to !== this) this.simulation.send(this, to, "released", () => to.onReleased(forged));
    }
  }

  private onReleased(message: messages.PartitionsReleased): void {
    this.brain.onReleased(message);
  }

  private nudgeOthers(): void {
    for (const to of this.simulation.schedulers) {
      if (to !== this) this.simulation.send(this, to, "nudge", () => to.onNudge());
    }
  }

  /** It was answered, or will not be any more. */
  private endLease(sentMs: number): void {
    if (this.leaseSentMs !== sentMs) return;
    this.leaseSentMs = undefined;
    if (!this.leaseAgain) return;
    this.leaseAgain = false;
    this.brain.renewLease();
  }

  findRun(partition: number, epoch: number, request: RunRequest): void {
    const { brain } = this;
    const path = request.kind === "resume" ? request.message.path : "";
    this.simulation.postgres.find(this, request.message.runId, path, (found) => {
      if (brain === this.brain) brain.onRunFound(partition, epoch, request, found);
    });
  }

  page(queries: ReadonlyMap<number, WakeQuery>, untilMs: number): void {
    const { brain } = this;
    this.simulation.postgres.page(this, queries, untilMs, (pages) => {
      if (brain === this.brain) brain.onPaged(queries, pages);
    });
  }

  leaseShares(requests: readonly ShareRequest[]): void {
    const { brain } = this;
    this.simulation.postgres.leaseShares(this, requests, (outcome) => {
      if (brain === this.brain) brain.onSharesLeased(requests, outcome);
    });
  }

  findSubmits(queries: readonly SubmitQuery[]): void {
    const { brain, simulation } = this;
    const blind = simulation.has("refusal_without_look");
    simulation.postgres.findSubmits(this, queries, (found) => {
      if (brain === this.brain) brain.onSubmitsFound(queries, blind ? found?.map(() => undefined) : found);
    });
  }

  pageQueues(queries: readonly QueueQuery[]): void {
    const { brain } = this;
    this.simulation.postgres.pageQueues(this, queries, (pages) => {
      if (brain === this.brain) brain.onQueuesPaged(queries, pages);
    });
  }

  readOutbox(queries: readonly OutboxQuery[]): void {
    const { brain } = this;
    this.simulation.postgres.readOutbox(this, queries, (pages) => {
      if (brain === this.brain) brain.onOutboxRead(queries, pages);
    });
  }

  readOutboxTargets(partition: number, epoch: number, beyond: string): void {
    const { brain } = this;
    this.simulation.postgres.readOutboxTargets(this, partition, beyond, (page) => {
      if (brain === this.brain) brain.onOutboxTargets(partition, epoch, page);
    });
  }

  /** What a gateway would do for a caller, this scheduler does for its runs: it is addressed by its lease's name. */
  deliver({ id, body, payload }: OutboxMessage): void {
    const { simulation, lease: gateway } = this;
    if (simulation.has("outbox_sent_once")) this.believeDelivered(id, body);
    if (body.kind === "START") {
      const message = simulation.childSubmit(body, payload, gateway);
      for (const to of simulation.schedulers) simulation.send(this, to, "start", () => to.onSubmit(message));
      return;
    }
    const address = { partition: simulation.partitionOf(body.workflowId), runId: body.runId, gateway };
    if (body.kind === "CANCEL") {
      const message = { ...address, reason: body.reason };
      for (const to of simulation.schedulers) simulation.send(this, to, "cancel", () => to.onCancel(message));
      return;
    }
    const resume = { path: body.path, requestId: id, action: "RESUME", dataJson: payload, reason: "" } as const;
    for (const to of simulation.schedulers) {
      simulation.send(this, to, "resume", () => to.onResume({ ...address, ...resume }));
    }
  }

  private believeDelivered(id: string, body: OutboxBody): void {
    const owner = { scheduler: this.lease, partition: 0, epoch: 0 };
    this.later(0.1, () => {
      if (body.kind === "START") {
        this.brain.onAccepted({ owner, runId: body.childId, actualRunId: body.childId, outcome: "ACCEPTED" });
      } else {
        this.brain.onResumed({ owner, runId: body.runId, requestId: id, outcome: "DONE", state: undefined });
      }
    });
  }

  onResume(message: messages.Resume): void {
    this.brain.onResume(message);
  }

  /** Answers to messages of the outbox. */
  private receive<K extends keyof GatewayMessages>(kind: K, message: GatewayMessages[K]): void {
    if (kind === "accepted") this.brain.onAccepted(message as messages.Accepted);
    else if (kind === "resumed") this.brain.onResumed(message as messages.Resumed);
    else if (kind === "cancelled") this.brain.onCancelled(message as messages.Cancelled);
  }
}

/** A suspend as it would be if it did not close its assignment. */
function keepOpen(change: Change): Change {
  if (change.kind !== "update" || change.state !== "SUSPENDED") return change;
  return { ...change, assignment: change.assignment - 1 };
}
