import { setTimeout as sleep } from "node:timers/promises";
import type { Bus, BusSubscription, Channels, Leases } from "@millrace/bus";
import { wire } from "@millrace/bus";
import {
  coerceError,
  encodeRunToken,
  OwnerBrain,
  type PlatformError,
  type CommitBatch,
  type messages,
  type OwnerPort,
  type OwnerSettings,
  type GatewayMessages,
  type OutboxMessage,
  type OutboxQuery,
  type QueueQuery,
  type RunnerMessages,
  type RunRequest,
  type ShareRequest,
  type SubmitQuery,
  type RunTokenMac,
  type Taken,
  type WakeQuery,
} from "@millrace/core";
import type { control } from "@millrace/protocol";
import type { Committer, Store } from "@millrace/store";
import { TRACEPARENT_HEADER, type Logger, type Tracer } from "@millrace/telemetry";
import { OutboxDelivery } from "./outbox-delivery.ts";
import { RunSpans } from "./run-spans.ts";
import { RunnerTrust } from "./runner-trust.ts";

/** What an owner is wired to. */
export interface OwnerDeps {
  readonly bus: Bus;
  readonly channels: Channels;
  readonly leases: Leases;
  readonly committer: Committer;
  readonly store: Pick<Store, "partitions" | "workflows">;
  readonly tracer: Tracer;
  readonly log: Logger;
  /** Of run tokens and seals. */
  readonly mac: RunTokenMac;
  /** A submit has its answer. */
  readonly onSettled: (outcome: messages.SubmitOutcome) => void;
  /** Somebody watches runs at a gateway: what is committed from now on is told there. */
  readonly onWatched: (gateway: string) => void;
  /** Most waiting runs of a project that sets no limit of its own. */
  readonly projectQueueLimit: number;
  /** Called when memory and record may have parted: the process must end and begin again from the record. */
  readonly onFatal: (error: PlatformError) => void;
}

/** How long a run token outlives what is left of its run's time. */
const TOKEN_MARGIN_MS = 10 * 60_000;
/** Pauses between repeats of a commit whose outcome is unknown. */
const COMMIT_RETRY_MS = { first: 20, max: 1000 } as const;
/** How long a change that nobody waits for waits for others to share its commit. */
const FLUSH_LATER_MS = 2;
/** Most paused runs of a partition that are read at once. */
const WAKE_PAGE = { runsMax: 200, bytesMax: 2 * 1024 ** 2 } as const;
/** Most targets of a partition's outbox that are read at once. */
const OUTBOX_TARGETS = 200;
/** Most pools in an answer about how much there is to do. */
const POOLS_MAX = 1_000;

/** Wires an owner's brain to NATS, Postgres and the clocks. */
export class OwnerWiring implements OwnerPort {
  readonly brain: OwnerBrain;
  private readonly deps: OwnerDeps;
  private readonly settings: OwnerSettings;
  private readonly spans: RunSpans;
  private readonly trust: RunnerTrust;
  private readonly outbox: OutboxDelivery;
  private readonly subscriptions = new Map<number, BusSubscription[]>();
  private readonly tickTimer: NodeJS.Timeout;
  private readonly unlisten: (() => void)[] = [];
  /** Of the brain's partitions, as far as is listened for them. */
  private syncedChanges = 0;
  private flushDue = false;
  private flushTimer: NodeJS.Timeout | undefined;
  /** The renewal that is under way. */
  private leasing: Promise<void> | undefined;
  private leaseAgain = false;
  private closed = false;

  constructor(settings: OwnerSettings, deps: OwnerDeps) {
    this.settings = settings;
    this.deps = deps;
    this.spans = new RunSpans(deps.tracer);
    this.brain = new OwnerBrain(settings, this);
    this.trust = new RunnerTrust(this.brain, deps.bus, deps.mac);
    this.outbox = new OutboxDelivery(settings, deps, (id, reason, message) =>
      this.guard(() => this.brain.onUndeliverable(id, reason, message)),
    );
    this.unlisten.push(...this.listenForReceivers());
    const beats = deps.channels
      .heartbeat()
      .listen((beat, { subject }) =>
        this.guard(() => this.brain.onHeartbeat(this.trust.ofHeartbeat(wire.heartbeatFromWire(beat), subject))),
      );
    this.unlisten.push(() => beats.unsubscribe());
    const offers = deps.channels
      .offer(settings.scheduler)
      .listen((offer) => this.guard(() => this.brain.onOffer(offer)));
    this.unlisten.push(() => offers.unsubscribe());
    const loads = deps.channels.poolLoads().serve(({ watchingGateway }) => {
      if (watchingGateway !== "") deps.onWatched(watchingGateway);
      return this.poolLoads();
    });
    this.unlisten.push(() => loads.unsubscribe());
    const releases = deps.channels
      .partitionsReleased()
      .listen((message) => this.guard(() => this.brain.onReleased(wire.partitionsReleasedFromWire(message))));
    this.unlisten.push(() => releases.unsubscribe());
    const nudges = deps.leases.onChange(() => this.guard(() => this.brain.renewLease()));
    this.unlisten.push(() => nudges.unsubscribe());
    this.unlisten.push(deps.bus.onStatus((status) => this.guard(() => this.brain.onConnection(status.connected))));
    this.tickTimer = setInterval(() => this.tick(), settings.timing.tickMs);
    this.tick();
  }

  /** A clean stop: finish the commit under way, then let the next owner in at once. */
  async drain(timeoutMs: number): Promise<void> {
    clearInterval(this.tickTimer);
    for (const stop of this.unlisten) stop();
    this.brain.retire();
    this.syncSubscriptions();
    const deadline = performance.now() + timeoutMs;
    this.closed = true;
    while (this.brain.counts().commitQueue > 0 && performance.now() < deadline) await sleep(5);
    // One that is under way would bring the lease back, and nobody would take what it names; it has a timeout of its own.
    await this.leasing;
    this.spans.close(this.wallMs());
    await this.deps.leases
      .remove()
      .catch((thrown: unknown) => this.deps.log.warn("lease.not_removed", { error: thrown }));
  }

  private poolLoads(): control.PoolLoads {
    const pools = [...this.brain.pools()].slice(0, POOLS_MAX).map(([pool, load]) => ({ pool, ...load }));
    return { scheduler: this.settings.scheduler, pools };
  }

  private tick(): void {
    this.guard(() => this.brain.onTick());
    this.syncSubscriptions();
  }

  /** Listens on the subjects of exactly the partitions that are owned. */
  private syncSubscriptions(): void {
    if (this.syncedChanges === this.brain.partitionChanges) return;
    this.syncedChanges = this.brain.partitionChanges;
    const owned = this.brain.partitions();
    for (const [partition, subscriptions] of this.subscriptions) {
      if (owned.has(partition)) continue;
      subscriptions.forEach((each) => each.unsubscribe());
      this.subscriptions.delete(partition);
    }
    for (const partition of owned.keys()) {
      if (!this.subscriptions.has(partition)) this.subscriptions.set(partition, this.listen(partition));
    }
  }

  /** What owners answer to messages of the outbox: they answer a scheduler as they answer a gateway. */
  private listenForReceivers(): (() => void)[] {
    const { channels } = this.deps;
    const { scheduler } = this.settings;
    const { brain } = this;
    const subscriptions = [
      channels
        .accepted(scheduler)
        .listen((message) => this.guard(() => brain.onAccepted(wire.acceptedFromWire(message)))),
      channels.resumed(scheduler).listen((message) => this.guard(() => brain.onResumed(wire.resumedFromWire(message)))),
      channels
        .cancelled(scheduler)
        .listen((message) => this.guard(() => brain.onCancelled(wire.cancelledFromWire(message)))),
    ];
    return subscriptions.map((each) => () => each.unsubscribe());
  }

  private listen(partition: number): BusSubscription[] {
    const { channels } = this.deps;
    const { brain } = this;
    const isOwned = (): boolean => brain.owns(partition);
    return [
      channels
        .submit(partition)
        .listen((message) => this.guard(() => this.onSubmit(wire.submitFromWire(message))), isOwned),
      channels
        .cancel(partition)
        .listen((message) => this.guard(() => brain.onCancel(wire.cancelFromWire(message))), isOwned),
      channels
        .resume(partition)
        .listen((message) => this.guard(() => brain.onResume(wire.resumeFromWire(message))), isOwned),
      channels.checkpoint(partition).listen((message, { runner, subject }) =>
        this.guard(() => {
          const checkpoint = wire.checkpointFromWire(message);
          if (this.trust.isOf(checkpoint.handing, runner, subject)) brain.onCheckpoint(checkpoint);
        }),
      ),
      channels.refused(partition).listen((message) => this.guard(() => brain.onRefused(wire.refusedFromWire(message)))),
    ];
  }

  private onSubmit(submit: messages.Submit): void {
    this.spans.submitted(submit);
    this.brain.onSubmit(submit);
  }

  /** A message that makes no sense is dropped; a broken invariant ends the process. */
  private guard(handle: () => void): void {
    try {
      handle();
    } catch (thrown) {
      const error = coerceError(thrown);
      if (error.kind === "InvalidArgument") this.deps.log.warn("message.refused", { error });
      else this.deps.onFatal(error);
    }
  }

  // OwnerPort

  nowMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  toGateway<K extends keyof GatewayMessages>(gateway: string, kind: K, message: GatewayMessages[K]): void {
    const { channels } = this.deps;
    switch (kind) {
      case "accepted":
        channels.accepted(gateway).send(wire.acceptedToWire(message as messages.Accepted));
        return;
      case "release":
        channels.release(gateway).send(wire.releaseToWire(message as messages.Release));
        return;
      case "reassigned":
        channels.reassigned(gateway).send(message as messages.Reassigned);
        return;
      case "ended":
        channels.ended(gateway).send(wire.endedToWire(message as messages.Ended));
        return;
      case "cancelled":
        this.spans.ended((message as messages.Cancelled).runId, this.wallMs());
        channels.cancelled(gateway).send(wire.cancelledToWire(message as messages.Cancelled));
        return;
      case "resumed":
        channels.resumed(gateway).send(wire.resumedToWire(message as messages.Resumed));
        return;
    }
  }

  submitSettled(runId: string, outcome: messages.SubmitOutcome): void {
    this.deps.onSettled(outcome);
    this.spans.settled(runId, outcome, this.wallMs());
  }

  toRunner<K extends keyof RunnerMessages>(runner: string, kind: K, message: RunnerMessages[K]): void {
    const { channels } = this.deps;
    switch (kind) {
      case "assign":
        this.sendAssign(runner, message as messages.Assign);
        return;
      case "renew":
        channels.renew(runner).send(wire.renewToWire(message as messages.Renew));
        return;
      case "committed":
        this.traceCommitted(message as messages.Committed);
        channels.committed(runner).send(wire.committedToWire(message as messages.Committed));
        return;
    }
  }

  private sendAssign(runner: string, message: messages.Assign): void {
    const traceParent = this.spans.assigned(message, this.wallMs());
    const extras = { runToken: this.signToken(runner, message), seal: this.trust.seal(message, runner), traceParent };
    const headers = traceParent === "" ? undefined : { [TRACEPARENT_HEADER]: traceParent };
    try {
      this.deps.channels.assign(runner).send(wire.assignToWire(message, extras), headers);
    } catch (thrown) {
      // Too large for a message: bounds at the doors keep this from happening; the run stays where it is and says so.
      this.deps.log.error("assign.not_sent", { run: message.runId, error: thrown });
    }
  }

  private traceCommitted({ handing, then }: messages.Committed): void {
    if (then !== "NEXT") this.spans.ended(handing.runId, this.wallMs());
  }

  private signToken(runner: string, { spec, runId, assignment, runTimeLeftMs }: messages.Assign): string {
    const { projectId, workflowId, versionId } = spec;
    const expiresAtMs = this.wallMs() + runTimeLeftMs + TOKEN_MARGIN_MS;
    const claims = { projectId, workflowId, versionId, runId, assignment, runner, expiresAtMs };
    return encodeRunToken(claims, this.deps.mac);
  }

  /** After what is being handled and what came with it: that is what makes groups under load. */
  flushSoon(): void {
    if (this.flushDue) return;
    this.flushDue = true;
    setImmediate(() => {
      this.flushDue = false;
      this.guard(() => this.brain.flush());
    });
  }

  flushLater(): void {
    this.flushTimer ??= setTimeout(() => {
      this.flushTimer = undefined;
      this.guard(() => this.brain.flush());
    }, FLUSH_LATER_MS);
  }

  commit(batch: CommitBatch): void {
    this.commitUntilKnown(batch).then(
      (outcome) => this.guard(() => this.brain.onCommitted(outcome)),
      (thrown: unknown) => this.deps.onFatal(coerceError(thrown)),
    );
  }

  private async commitUntilKnown(batch: CommitBatch) {
    let pauseMs: number = COMMIT_RETRY_MS.first;
    for (;;) {
      try {
        return await this.deps.committer.commit(batch);
      } catch (thrown) {
        const error = coerceError(thrown);
        if (error.reason !== "RECORD_UNAVAILABLE") throw error;
        this.deps.log.warn("commit.repeated", { number: batch.number, changes: batch.changes.length, error });
        await sleep(pauseMs);
        pauseMs = Math.min(pauseMs * 2, COMMIT_RETRY_MS.max);
      }
    }
  }

  take(partitions: readonly number[]): void {
    this.takeAndLoad(partitions).then(
      (taken) => this.onTaken(partitions, taken),
      (thrown: unknown) => {
        this.deps.log.warn("partitions.not_taken", { count: partitions.length, error: thrown });
        this.onTaken(partitions, new Map());
      },
    );
  }

  private async takeAndLoad(partitions: readonly number[]): Promise<Map<number, Taken>> {
    const epochs = await this.deps.store.partitions.take(partitions);
    const loaded = await this.deps.store.partitions.load(epochs);
    return new Map([...epochs].map(([partition, epoch]) => [partition, { epoch, found: loaded.get(partition) }]));
  }

  private onTaken(partitions: readonly number[], taken: Map<number, Taken>): void {
    this.guard(() => this.brain.onTaken(partitions, taken));
    this.syncSubscriptions();
    this.announce([...taken.keys()]);
    if (taken.size > 0) this.deps.log.info("partitions.taken", { count: taken.size, runs: this.brain.counts().runs });
  }

  /** Whoever waits for a word of these partitions' owner need not wait for the time at which it asks again. */
  private announce(partitions: readonly number[]): void {
    const owned = this.brain.partitions();
    const { scheduler } = this.settings;
    const owners = partitions.flatMap((partition) => {
      const epoch = owned.get(partition);
      return epoch === undefined ? [] : [{ scheduler, partition, epoch }];
    });
    if (owners.length > 0) this.deps.channels.ownersMoved().send({ owners });
  }

  /** One renewal at a time; a claim made meanwhile is written right after it. */
  putLease(holds: readonly number[], isSettled: boolean): void {
    if (this.closed) return;
    if (this.leasing) {
      this.leaseAgain = true;
      return;
    }
    const { leases } = this.deps;
    this.leasing = (isSettled ? leases.keep(holds) : leases.put(holds))
      .then(({ sentAtMs, living }) => {
        if (living === undefined) return this.guard(() => this.brain.onLeaseKept(sentAtMs));
        const heldBy = new Map([...living].map(([name, held]) => [name, new Set(held)]));
        this.guard(() => this.brain.onLease(sentAtMs, new Set(holds), heldBy));
        this.syncSubscriptions();
      })
      .catch((thrown: unknown) => this.deps.log.warn("lease.not_renewed", { error: thrown }))
      .finally(() => {
        this.leasing = undefined;
        if (!this.leaseAgain) return;
        this.leaseAgain = false;
        this.guard(() => this.brain.renewLease());
      });
  }

  tellReleased(message: messages.PartitionsReleased): void {
    this.deps.channels.partitionsReleased().send(wire.partitionsReleasedToWire(message));
  }

  findRun(partition: number, epoch: number, request: RunRequest): void {
    const { runId } = request.message;
    const path = request.kind === "resume" ? request.message.path : "";
    this.read("run.not_read", this.deps.store.partitions.find(runId, path), (found) =>
      this.brain.onRunFound(partition, epoch, request, found),
    );
  }

  page(queries: ReadonlyMap<number, WakeQuery>, untilMs: number): void {
    this.read("paused_runs.not_read", this.deps.store.partitions.page(queries, untilMs, WAKE_PAGE), (pages) =>
      this.brain.onPaged(queries, pages),
    );
  }

  leaseShares(requests: readonly ShareRequest[]): void {
    const leasing = this.deps.store.partitions.leaseShares(requests, this.deps.projectQueueLimit);
    this.read("shares.not_leased", leasing, (outcome) => this.brain.onSharesLeased(requests, outcome));
  }

  findSubmits(queries: readonly SubmitQuery[]): void {
    this.read("submits.not_read", this.deps.store.partitions.findSubmits(queries), (found) =>
      this.brain.onSubmitsFound(queries, found),
    );
  }

  pageQueues(queries: readonly QueueQuery[]): void {
    this.read("parked_runs.not_read", this.deps.store.partitions.pageQueues(queries), (pages) =>
      this.brain.onQueuesPaged(queries, pages),
    );
  }

  readOutbox(queries: readonly OutboxQuery[]): void {
    this.read("outbox.not_read", this.deps.store.partitions.readOutbox(queries), (pages) =>
      this.brain.onOutboxRead(queries, pages),
    );
  }

  readOutboxTargets(partition: number, epoch: number, beyond: string): void {
    const reading = this.deps.store.partitions.readOutboxTargets(partition, beyond, OUTBOX_TARGETS);
    this.read("outbox.not_read", reading, (page) => this.brain.onOutboxTargets(partition, epoch, page));
  }

  deliver(message: OutboxMessage): void {
    this.outbox.deliver(message).catch((thrown: unknown) => {
      this.deps.log.warn("outbox.not_delivered", { message: message.id, error: coerceError(thrown) });
    });
  }

  /** The brain is told in any case: of a failure with nothing. */
  private read<T>(failure: string, reading: Promise<T>, tell: (found: T | undefined) => void): void {
    reading.then(
      (found) => this.guard(() => tell(found)),
      (thrown: unknown) => {
        this.deps.log.warn(failure, { error: coerceError(thrown) });
        this.guard(() => tell(undefined));
      },
    );
  }
}
