import {
  createRunId,
  stepPath,
  type messages,
  type RunListener,
  type RunState,
  type StepResponse,
  type StepResult,
} from "@millrace/core";
import { takenBy, type RunPlan } from "./run-plan.ts";
import { PARTITIONS, specOf, type Simulation } from "./simulation.ts";
import type { SimulatedGateway } from "./simulated-gateway.ts";

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
    gateway.run(gateway.incarnation, () => gateway.accept(message, ACK_MS, this.listener(gateway, message.runId)));
    simulation.queue.at(TRY_MS, () => this.submit());
  }

  private message(gateway: SimulatedGateway): messages.Submit {
    const random = Uint8Array.from({ length: 10 }, () => this.simulation.random.integer(0, 255));
    const runId = createRunId(1_700_000_000_000 + Math.floor(this.simulation.nowMs), random);
    this.simulation.postgres.plans.set(runId, this.plan);
    const { workflow, respond, key } = this.plan;
    return {
      partition: workflow % PARTITIONS,
      runId,
      spec: specOf(this.plan),
      input: {
        ...{ eventJson: NOTHING, contextJson: NOTHING, eventFallsBackToBody: false, triggerKind: "http" },
        ...{ traceParent: "", traceId: "", createTimeMs: this.simulation.nowMs },
      },
      priority: this.plan.priority,
      idempotencyKey: key,
      gateway: gateway.name,
      wantsAnswer: respond !== null,
      wantsEnd: respond === null,
      ...(takenBy(this.plan) > 0 && {
        takenOver: Array.from({ length: takenBy(this.plan) }, (_, step) => taken(step)),
      }),
    };
  }

  private listener(gateway: SimulatedGateway, submitted: string): RunListener {
    const incarnation = gateway.incarnation;
    const mine = () => this.gateway === gateway && this.gatewayIncarnation === incarnation;
    return {
      accepted: (runId) => mine() && this.acknowledge(runId),
      turnedAway: (why) => why !== "TIMEOUT" && this.simulation.monitor.refused(submitted, why),
      answer: (response) => mine() && this.answer(response),
      ended: (state) => mine() && this.ended(state),
    };
  }

  /** Nobody who waits for an answer is told of the end instead, when there was one; of a pause before it, everybody. */
  private ended(state: RunState): void {
    this.satisfied = true;
    const { pause, respond } = this.plan;
    if (state === "SUSPENDED" && pause && respond !== null && pause.step <= respond) return;
    const steps = this.simulation.postgres.history.get(this.runId)?.steps ?? [];
    if (this.plan.respond === null || !steps.some((step) => step.response)) return;
    this.simulation.fail("client of run", this.runId, "is told of its end, but not the answer that it gave");
  }

  private acknowledge(runId: string): void {
    if (this.state === "acknowledged") return;
    this.state = "acknowledged";
    this.runId = runId;
    this.simulation.monitor.acknowledged.add(runId);
    const { cancelMs, pause } = this.plan;
    if (cancelMs !== null) this.simulation.queue.at(cancelMs, () => this.cancel());
    if (pause?.linkMs == null) return;
    // Two who have the link: only one of them may end the pause.
    this.simulation.queue.at(pause.linkMs, () => this.followLink(0));
    this.simulation.queue.at(pause.linkMs + this.simulation.random.uniform(0, 800), () => this.followLink(1));
  }

  /** One who comes too early comes again with the same request, and so does one who gets no word. */
  private followLink(who: number): void {
    const { simulation, plan, runId } = this;
    const { step, linkAction: action } = plan.pause!;
    const gateway = simulation.random.choice(simulation.gateways);
    const requestId = `link${who}/${runId}`;
    const path = stepPath(step);
    const about = { partition: plan.workflow % PARTITIONS, runId, path, requestId, action };
    const message: messages.Resume = { ...about, gateway: gateway.name, dataJson: NOTHING, reason: "link" };
    gateway.run(gateway.incarnation, () =>
      gateway.requestResume(message, (outcome) => {
        if (outcome !== "TIMEOUT") simulation.monitor.resumed(message, outcome.outcome);
        const again = outcome === "TIMEOUT" || outcome.outcome === "EARLY";
        if (again && !simulation.postgres.history.has(runId)) {
          simulation.queue.at(1500, () => this.followLink(who));
        }
      }),
    );
  }

  /** The answer's body names the execution that gave it: it must be the one that history knows. */
  private answer(response: StepResponse): void {
    const { postgres } = this.simulation;
    this.satisfied = true;
    const execution = Buffer.from(response.body).toString();
    const row = postgres.hot.get(this.runId) ?? postgres.history.get(this.runId);
    if (row?.executions.has(execution)) return;
    this.simulation.fail("client of run", this.runId, "holds an answer that history does not know:", execution);
  }

  /** Cancels now what is to be cancelled some time. */
  cancelPlanned(): void {
    if (this.state === "acknowledged" && this.plan.cancelMs !== null) this.cancel();
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

/** A result of an earlier run. */
function taken(step: number): StepResult {
  return {
    ...{ path: stepPath(step), name: `step${step}`, executionId: `taken/${step}`, exportsJson: NOTHING },
    ...{ startTimeMs: 0, endTimeMs: 0, lastLogSequence: 0, takenFrom: "earlier" },
  };
}
