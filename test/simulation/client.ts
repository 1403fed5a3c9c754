import { createRunId, type messages, type RunListener, type StepResponse } from "@millrace/core";
import { PARTITIONS, LIMITED, type Simulation } from "./simulation.ts";
import type { SimulatedGateway } from "./simulated-gateway.ts";

/** What a simulated run does. */
export interface RunPlan {
  /** Also its partition. */
  readonly workflow: number;
  readonly durationsMs: readonly number[];
  /** Steps that write to a data store. */
  readonly writes: readonly boolean[];
  /** The step that answers. */
  readonly respond: number | null;
  /** The step that suspends the run. */
  readonly suspend: number | null;
  readonly sleepMs: number;
  readonly cancelMs: number | null;
  /** Idempotency key; empty for none. */
  readonly key: string;
}

const TRIES_WITH_KEY = 15;
const TRY_MS = 9000;
const ACK_MS = 8000;

/** One caller: submits, perhaps again with its key, perhaps cancels, waits for an answer or an end. */
export class Client {
  readonly plan: RunPlan;
  runId = "";
  private readonly simulation: Simulation;
  private state: "new" | "sent" | "acknowledged" | "failed" = "new";
  private tries = 0;
  private gateway: SimulatedGateway | undefined;
  private gatewayIncarnation = 0;
  private satisfied = false;
  private cancelled = false;

  constructor(simulation: Simulation, plan: RunPlan) {
    this.simulation = simulation;
    this.plan = plan;
  }

  /** One with a key comes again until it is acknowledged; one without gives up after a failure. */
  submit(): void {
    if (this.state === "acknowledged" || this.state === "failed") return;
    this.tries += 1;
    if (this.tries > (this.plan.key === "" ? 1 : TRIES_WITH_KEY)) {
      this.state = "failed";
      return;
    }
    const { simulation } = this;
    const gateway = simulation.random.choice(simulation.gateways);
    this.gateway = gateway;
    this.gatewayIncarnation = gateway.incarnation;
    this.state = "sent";
    const message = this.message(gateway);
    gateway.run(gateway.incarnation, () => gateway.accept(message, ACK_MS, this.listener(gateway)));
    simulation.queue.at(TRY_MS, () => this.submit());
  }

  private message(gateway: SimulatedGateway): messages.Submit {
    const random = Uint8Array.from({ length: 10 }, () => this.simulation.random.integer(0, 255));
    const runId = createRunId(1_700_000_000_000 + Math.floor(this.simulation.nowMs), random);
    this.simulation.postgres.plans.set(runId, this.plan);
    const { workflow, durationsMs, respond, key } = this.plan;
    return {
      partition: workflow % PARTITIONS,
      runId,
      spec: {
        ...{ projectId: "p", workflowId: `w${workflow}`, versionId: `v${workflow}`, pool: "default", pythonMinor: "" },
        stepNames: durationsMs.map((_, index) => `step${index}`),
        concurrencyLimit: workflow === LIMITED ? 1 : 0,
        queueLimit: 0,
        runTimeoutMs: 300_000,
      },
      input: {
        ...{ eventJson: NOTHING, contextJson: NOTHING, eventFallsBackToBody: false, triggerKind: "http" },
        ...{ traceParent: "", traceId: "", createTimeMs: this.simulation.nowMs },
      },
      idempotencyKey: key,
      gateway: gateway.name,
      wantsAnswer: respond !== null,
      wantsEnd: respond === null,
    };
  }

  private listener(gateway: SimulatedGateway): RunListener {
    const incarnation = gateway.incarnation;
    const mine = () => this.gateway === gateway && this.gatewayIncarnation === incarnation;
    return {
      accepted: (runId) => mine() && this.acknowledge(runId),
      answer: (response) => mine() && this.answer(response),
      ended: () => mine() && this.ended(),
    };
  }

  /** Nobody who waits for an answer is told of the end instead, when there was one. */
  private ended(): void {
    this.satisfied = true;
    const steps = this.simulation.postgres.history.get(this.runId)?.steps ?? [];
    if (this.plan.respond === null || !steps.some((step) => step.response)) return;
    this.simulation.fail("client of run", this.runId, "is told of its end, but not the answer that it gave");
  }

  private acknowledge(runId: string): void {
    if (this.state === "acknowledged") return;
    this.state = "acknowledged";
    this.runId = runId;
    this.simulation.monitor.acknowledged.add(runId);
    if (this.plan.cancelMs !== null) this.simulation.queue.at(this.plan.cancelMs, () => this.cancel());
  }

  /** The answer's body names the execution that gave it: it must be the one that history knows. */
  private answer(response: StepResponse): void {
    const { postgres } = this.simulation;
    this.satisfied = true;
    const execution = Buffer.from(response.body).toString();
    const row = postgres.hot.get(this.runId) ?? postgres.history.get(this.runId);
    if (row?.steps.some((step) => step.executionId === execution)) return;
    this.simulation.fail("client of run", this.runId, "holds an answer that history does not know:", execution);
  }

  private cancel(): void {
    if (this.cancelled) return;
    const { simulation } = this;
    const gateway = simulation.random.choice(simulation.gateways);
    const partition = this.plan.workflow % PARTITIONS;
    gateway.run(gateway.incarnation, () =>
      gateway.requestCancel({ partition, runId: this.runId, gateway: gateway.name, reason: "" }, (state) => {
        if (state === "TIMEOUT" || this.cancelled) return;
        this.cancelled = true;
        if (state === "CANCELLED") simulation.monitor.cancelled.add(this.runId);
      }),
    );
    simulation.queue.at(3000, () => this.cancel());
  }

  /** Nothing is owed to this client any more. One whose gateway died owes itself a new connection. */
  isSettled(): boolean {
    if (this.state !== "acknowledged") return this.state === "failed";
    const alive = this.gateway?.up && this.gateway.incarnation === this.gatewayIncarnation;
    return (this.plan.cancelMs === null || this.cancelled) && (this.satisfied || !alive);
  }
}

const NOTHING = new Uint8Array();
