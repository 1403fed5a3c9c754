import {
  Holdings,
  parseStepPath,
  type ChildStart,
  type HoldingsPort,
  type messages,
  type Pause,
  type RenewedLife,
  type RunnerMessages,
  type StepResult,
} from "@millrace/core";
import { mutateHoldings } from "./mutate-runner.ts";
import { pathOf, pausesAt, type Environment } from "./environment.ts";
import { Process } from "./process.ts";
import type { PausePlan, RunPlan } from "./run-plan.ts";
import { answerNaming } from "./simulated-gateway.ts";
import { SimulatedWorker } from "./simulated-worker.ts";
import { SLOTS, type Simulation } from "./simulation.ts";

const WRITE_RETRY_MS = 500;
const KILL_PATIENCE_MS = 400;
const NOTHING = new Uint8Array();

/** The real runner brain on a simulated process, with its worker. */
export class SimulatedRunner extends Process implements HoldingsPort {
  readonly worker: SimulatedWorker;
  readonly pool: string;
  private holdings: Holdings;
  private readonly environments = new Map<string, Environment>();
  private wakeAtMs = Infinity;
  private bootedAtMs = 0;

  constructor(simulation: Simulation, name: string, pool: string) {
    super(simulation, name);
    this.pool = pool;
    this.worker = new SimulatedWorker(this, name.replace("r", "w"));
    this.holdings = this.createHoldings();
  }

  override boot(): void {
    this.environments.clear();
    this.bootedAtMs = this.simulation.nowMs;
    this.holdings = this.createHoldings();
  }

  /** Its worker notices the end of its session. */
  override die(): void {
    const { incarnation } = this;
    this.worker.later(2, () => this.worker.sessionLost(incarnation));
  }

  private createHoldings(): Holdings {
    const { timing, random, mutations } = this.simulation;
    const forever = mutations.has("no_expiry") ? { limitedLifeMs: Infinity } : {};
    const incarnation = String(this.incarnation).padStart(6, "0");
    const settings = { runner: this.name, incarnation, pool: this.pool, labels: [], timing: { ...timing, ...forever } };
    this.wakeAtMs = Infinity;
    this.later(random.uniform(0, timing.heartbeatMs), () => this.tick());
    const holdings = new Holdings(settings, this);
    mutateHoldings(holdings, mutations);
    return holdings;
  }

  /** A stop as a SIGTERM asks for it: it ends when nothing is held any more, or when its time is over. */
  drainFor(graceMs: number, timeoutMs: number, spanMs: number): void {
    if (!this.up || this.holdings.isDraining) return;
    this.simulation.log(this.name, "drains");
    this.holdings.drain(graceMs);
    this.arm();
    this.awaitEmpty(this.simulation.nowMs + timeoutMs, spanMs);
  }

  private awaitEmpty(untilMs: number, spanMs: number): void {
    const alive = [...this.environments.values()].some((environment) => environment.alive && !environment.done);
    if (this.holdings.size > 0 || alive) {
      if (this.simulation.nowMs < untilMs) return this.later(20, () => this.awaitEmpty(untilMs, spanMs));
      this.simulation.hurt.add(this.name).add(this.worker.name);
    }
    this.worker.killFor(spanMs);
    // Its last words are under way.
    this.later(30, () => this.killFor(spanMs));
  }

  /** In some worlds a slot takes several runs while their steps are short. */
  get runsMax(): number {
    return this.simulation.headRuns === 1 ? 3 * SLOTS : SLOTS;
  }

  /** True when it takes runs, and everybody knows it. */
  get takesRuns(): boolean {
    const isKnown = this.simulation.nowMs > this.bootedAtMs + 1.5 * this.simulation.timing.heartbeatMs;
    return isKnown && this.up && this.worker.up && !this.holdings.isDraining;
  }

  private tick(): void {
    this.holdings.onTick();
    this.arm();
  }

  /** Asks to be called when the brain wants to be. */
  private arm(): void {
    const dueMs = this.holdings.nextDueMs();
    if (dueMs >= this.wakeAtMs) return;
    this.wakeAtMs = dueMs;
    this.later(Math.max(0, dueMs - this.simulation.nowMs) + 0.001, () => {
      this.wakeAtMs = Infinity;
      this.tick();
    });
  }

  // Messages of owners and gateways

  receive<K extends keyof RunnerMessages>(kind: K, message: RunnerMessages[K]): void {
    if (kind === "assign") this.onAssign(message as messages.Assign);
    else if (kind === "renew") this.onRenew(message as messages.Renew);
    else this.holdings.onCommitted(message as messages.Committed);
    this.arm();
  }

  private onAssign(assign: messages.Assign): void {
    const stale = this.simulation.has("assign_any_age");
    this.holdings.onAssign(
      stale ? { ...assign, stampMs: Math.max(assign.stampMs, this.simulation.nowMs - 1) } : assign,
    );
  }

  private onRenew(renew: messages.Renew): void {
    this.holdings.onRenew(renew);
    if (!this.simulation.has("renew_from_receipt")) return;
    this.holdings.onRenew({ ...renew, stampMs: this.simulation.nowMs });
  }

  // HoldingsPort

  nowMs(): number {
    return this.simulation.nowMs;
  }

  describe() {
    const crowded = this.simulation.headRuns === 2;
    const shortRunsMax = this.runsMax;
    return {
      slotsTotal: SLOTS,
      shortRunsMax,
      pythonMinors: ["3.11"],
      warmVersions: [],
      ready: this.worker.up,
      crowded,
    };
  }

  heartbeat(beat: messages.Heartbeat): void {
    const offers = beat.offers.map(({ scheduler, slots }) => `${slots} to ${scheduler}`);
    this.simulation.log(this.name, "beats, holds", beat.held.length, "and offers", offers.join());
    for (const scheduler of this.simulation.schedulers) {
      this.simulation.send(this, scheduler, "heartbeat", () => scheduler.onHeartbeat(beat));
    }
  }

  checkpoint(message: messages.Checkpoint): void {
    for (const scheduler of this.simulation.schedulers) {
      this.simulation.send(this, scheduler, "checkpoint", () => scheduler.onCheckpoint(message));
    }
  }

  offer(scheduler: string, message: messages.Offer): void {
    this.simulation.log(this.name, "offers", scheduler, message.slots, "slots");
    const to = this.simulation.schedulers.find((each) => each.isCalled(scheduler));
    if (to) this.simulation.send(this, to, "offer", () => to.onOffer(scheduler, message));
  }

  onOwnersMoved(message: messages.OwnersMoved): void {
    this.holdings.onOwnersMoved(message);
    this.arm();
  }

  refuse(message: messages.Refused): void {
    this.simulation.log(this.name, "refuses run", message.handing.runId, "number", message.handing.assignment);
    for (const scheduler of this.simulation.schedulers) {
      this.simulation.send(this, scheduler, "refused", () => scheduler.onRefused(message));
    }
  }

  answer(gateway: string, message: messages.Answer): void {
    const to = this.simulation.gateways.find(({ name }) => name === gateway);
    if (to) this.simulation.send(this, to, "answer", () => to.onAnswer(message));
  }

  start(assign: messages.Assign, lifeMs: number, kills: boolean): void {
    const { runId, assignment, owner } = assign;
    const { simulation, worker } = this;
    const untilMs = simulation.nowMs + lifeMs;
    simulation.monitor.taken(this, runId, assign.spec);
    const environment: Environment = {
      ...{ runId, assignment, handing: { partition: owner.partition, runId, assignment }, runner: this, kills },
      ...{ plan: simulation.postgres.plans.get(runId)!, runnerIncarnation: this.incarnation },
      ...{ workerIncarnation: worker.incarnation, alive: true, done: false, untilMs, deadlineMs: untilMs },
      ...{
        turnPath: assign.turn?.path,
        next: undefined,
        step: -1,
        execution: "",
        write: undefined,
        written: undefined,
      },
    };
    this.environments.set(keyOf(environment.handing), environment);
    simulation.monitor.environments.push(environment);
    worker.later(1, () => worker.start(environment, assign.doneSteps.length));
    worker.later(1, () => worker.watch(environment));
  }

  proceed(handing: messages.Handing, path: string): void {
    const environment = this.environments.get(keyOf(handing));
    if (!environment) return;
    if (this.simulation.has("step_before_commit")) return;
    this.worker.later(0.3, () => this.worker.start(environment, parseStepPath(path) + 1));
  }

  end(handing: messages.Handing): void {
    const environment = this.environments.get(keyOf(handing));
    if (environment) environment.alive = false;
    this.environments.delete(keyOf(handing));
  }

  kill(handing: messages.Handing): void {
    const environment = this.environments.get(keyOf(handing));
    if (environment && this.holdings.isDraining && this.simulation.has("handback_unfenced")) {
      this.worker.later(0.3, () => this.worker.start(environment, environment.step + 1));
      return this.later(0.3, () => this.holdings.onRunGone(handing, "KILLED"));
    }
    if (!environment) return this.later(0.3, () => this.holdings.onRunGone(handing, "KILLED"));
    this.worker.later(0.3, () => this.worker.end(environment, "KILLED"));
    if (environment.kills) this.later(KILL_PATIENCE_MS, () => environment.alive && this.killWorker());
  }

  /** A worker that does not end a limited run in time is ended itself. */
  private killWorker(): void {
    this.simulation.hurt.add(this.worker.name);
    this.worker.killFor(500);
  }

  renew(lives: readonly RenewedLife[]): void {
    for (const { handing, lifeMs } of lives) {
      const environment = this.environments.get(keyOf(handing));
      if (!environment) continue;
      const untilMs = this.simulation.nowMs + lifeMs;
      environment.untilMs = Math.max(environment.untilMs, untilMs);
      this.worker.later(0.3, () => this.worker.renew(environment, untilMs));
      if (environment.kills && environment.alive) this.simulation.monitor.checkLimit(environment);
    }
  }

  // Its worker

  stepFinished(environment: Environment, step: number): void {
    const { plan, execution } = environment;
    const pauses = pausesAt(environment, step);
    const result: StepResult = {
      ...{ path: pathOf(environment, step), name: `step${step}`, executionId: execution },
      ...{ exportsJson: NOTHING, lastLogSequence: 0 },
      ...{ startTimeMs: this.simulation.nowMs - plan.durationsMs[step]!, endTimeMs: this.simulation.nowMs },
      response: plan.respond === step ? answerNaming(execution) : undefined,
      pause: pauses ? this.pauseOf(plan.pause!) : undefined,
      children: plan.child?.step === step ? [this.child(plan.child.plan)] : undefined,
    };
    this.holdings.onStepFinished(environment.handing, result);
    this.arm();
    if (this.simulation.has("step_before_commit") && step + 1 < plan.durationsMs.length && !pauses) {
      this.worker.later(0.3, () => this.worker.start(environment, step + 1));
    }
  }

  private pauseOf({ kind, sleepMs, onTimeout, maxRetries }: PausePlan): Pause {
    const wakeTimeMs = this.simulation.nowMs + sleepMs;
    return { kind, wakeTimeMs, onTimeout, contextJson: NOTHING, maxRetries, childNumber: kind === "CHILD" ? 1 : 0 };
  }

  private child({ workflow }: RunPlan): ChildStart {
    const callTimeMs = 1_700_000_000_000 + Math.floor(this.simulation.nowMs);
    return { number: 1, workflowId: `w${workflow}`, workflowName: `w${workflow}`, eventJson: NOTHING, callTimeMs };
  }

  runGone(environment: Environment, cause: messages.GoneCause): void {
    this.holdings.onRunGone(environment.handing, cause);
    this.environments.delete(keyOf(environment.handing));
    this.arm();
  }

  workerDied(): void {
    for (const environment of this.environments.values()) {
      environment.alive = false;
      this.holdings.onRunGone(environment.handing, "WORKER_DIED");
    }
    this.environments.clear();
    this.arm();
  }

  /** User code waits for its data-store write; the runner repeats it under the same operation id. */
  write(environment: Environment, operation: string, restMs: number): void {
    if (!this.holdings.holds(environment.handing) || environment.written === operation) return;
    environment.write = { operation, restMs };
    const gateway = this.simulation.random.choice(this.simulation.gateways);
    this.simulation.send(this, gateway, "write", () => gateway.onWrite(this, environment.handing, operation));
    this.later(WRITE_RETRY_MS, () => this.write(environment, operation, restMs));
  }

  onWritten(handing: messages.Handing, operation: string, result: "ok" | "stale"): void {
    const environment = this.environments.get(keyOf(handing));
    if (!environment?.write || environment.write.operation !== operation || environment.written === operation) return;
    const { restMs } = environment.write;
    environment.written = operation;
    const { worker } = this;
    if (result === "stale") worker.later(0.3, () => worker.end(environment, "KILLED"));
    else worker.later(restMs, () => worker.finish(environment, environment.step));
  }
}

function keyOf({ runId, assignment }: messages.Handing): string {
  return `${runId}/${assignment}`;
}
