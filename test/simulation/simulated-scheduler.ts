import {
  OwnerBrain,
  type CommitBatch,
  type CommitOutcome,
  type GatewayMessages,
  type messages,
  type OwnerPort,
  type RunnerMessages,
} from "@millrace/core";
import { mutateBrain, optimisticOutcome, shuffleSequences } from "./mutate-scheduler.ts";
import { Process } from "./process.ts";
import { PARTITIONS, type Simulation } from "./simulation.ts";

const COMMIT_RETRY_MS = 50;

/** The real owner brain on a simulated process. */
export class SimulatedScheduler extends Process implements OwnerPort {
  private brain: OwnerBrain;
  private lease: string;
  private connected = true;

  constructor(simulation: Simulation, name: string) {
    super(simulation, name);
    this.lease = `${name}-0`;
    this.brain = this.createBrain();
  }

  override boot(): void {
    this.lease = `${this.name}-${this.incarnation}`;
    this.connected = true;
    this.brain = this.createBrain();
  }

  private createBrain(): OwnerBrain {
    const { timing, random, mutations } = this.simulation;
    const brain = new OwnerBrain({ scheduler: this.lease, partitionCount: PARTITIONS, timing }, this);
    mutateBrain(brain, mutations);
    this.later(random.uniform(0, timing.tickMs), () => this.tick());
    return brain;
  }

  private tick(): void {
    this.lookAtConnection();
    this.brain.onTick();
    this.later(this.simulation.timing.tickMs, () => this.tick());
  }

  /** A process notices the loss of its own connection, and its return, within a tick. */
  private lookAtConnection(): void {
    const connected = this.simulation.isConnected(this);
    if (connected === this.connected || this.simulation.has("no_nats_grace")) return;
    this.connected = connected;
    this.brain.onConnection(connected);
  }

  returnLease(): void {
    this.simulation.leases.remove(this, this.lease);
  }

  // What arrives

  onLease(sentAtMs: number, holds: ReadonlySet<number>, living: ReadonlyMap<string, ReadonlySet<number>>): void {
    this.brain.onLease(sentAtMs, holds, living);
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
    return this.simulation.nowMs;
  }

  toGateway<K extends keyof GatewayMessages>(gateway: string, kind: K, message: GatewayMessages[K]): void {
    const to = this.simulation.gateways.find(({ name }) => name === gateway);
    if (to) this.simulation.send(this, to, kind, () => to.receive(kind, message));
  }

  toRunner<K extends keyof RunnerMessages>(runner: string, kind: K, message: RunnerMessages[K]): void {
    const to = this.simulation.runners.find(({ name }) => name === runner);
    if (!to) return;
    if (kind === "assign") {
      const { runId, assignment } = message as messages.Assign;
      this.simulation.monitor.assigned(runId, assignment);
      this.simulation.log(this.name, "assigns run", runId, "number", assignment, "to", runner);
    }
    this.simulation.send(this, to, kind, () => to.receive(kind, message));
  }

  flushSoon(): void {
    this.later(0.2, () => this.brain.flush());
  }

  commit(batch: CommitBatch): void {
    const { simulation, brain } = this;
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

  take(partitions: readonly number[]): void {
    const { brain, simulation } = this;
    for (const partition of partitions) {
      simulation.postgres.take(this, partition, (taken) => {
        if (brain !== this.brain) return;
        if (taken?.rows && simulation.has("order_forgotten"))
          taken.rows = shuffleSequences(taken.rows, simulation.random);
        brain.onTaken([partition], new Map(taken ? [[partition, taken]] : []));
        if (taken)
          simulation.log(this.name, "owns partition", partition, "epoch", taken.epoch, "runs", taken.rows?.length);
        mutateBrain(brain, simulation.mutations);
      });
    }
  }

  putLease(holds: readonly number[]): void {
    this.simulation.leases.put(this, this.lease, this.simulation.nowMs, new Set(holds));
  }

  readRunState(partition: number, runId: string, gateway: string): void {
    const { brain } = this;
    this.simulation.postgres.state(this, runId, (found) => {
      if (found && brain === this.brain) brain.onRunState(partition, runId, gateway, found.state);
    });
  }
}
