import type { messages } from "@millrace/core";
import { pausesAt, type Environment } from "./environment.ts";
import { Process } from "./process.ts";
import type { SimulatedRunner } from "./simulated-runner.ts";

/** A worker and its environments, as the Python side keeps them: they die with it, or when not renewed in time. */
export class SimulatedWorker extends Process {
  private readonly runner: SimulatedRunner;
  private executions = 0;

  constructor(runner: SimulatedRunner, name: string) {
    super(runner.simulation, name);
    this.runner = runner;
  }

  override boot(): void {}

  override die(): void {
    for (const environment of this.simulation.monitor.environments) {
      if (environment.runner.worker === this) environment.alive = false;
    }
    this.runner.later(10, () => this.runner.workerDied());
  }

  /** Every start looks at the deadline first: a message may have waited in a stopped process. */
  start(environment: Environment, step: number): void {
    const { simulation } = this;
    if (!environment.alive || step >= environment.plan.durationsMs.length) return;
    if (simulation.nowMs >= environment.deadlineMs && !simulation.has("start_without_deadline")) {
      if (environment.kills) this.end(environment, "EXPIRED");
      else environment.next = step;
      return;
    }
    simulation.monitor.stepStarted(environment, step);
    if (simulation.nowMs >= environment.untilMs && (environment.kills || simulation.has("start_without_deadline"))) {
      simulation.fail(
        "step",
        step,
        "of run",
        environment.runId,
        "starts in assignment",
        environment.assignment,
        "which has expired",
      );
    }
    environment.step = step;
    this.executions += 1;
    environment.execution = `${environment.runId}/${environment.assignment}/${step}/${this.name}-${this.incarnation}-${this.executions}`;
    simulation.log(this.name, "starts step", step, "of run", environment.runId, "assignment", environment.assignment);
    const halfMs = environment.plan.durationsMs[step]! / 2;
    this.inEnvironment(environment, halfMs, () => this.half(environment, step, halfMs));
  }

  private half(environment: Environment, step: number, restMs: number): void {
    if (!environment.plan.writes[step])
      return this.inEnvironment(environment, restMs, () => this.finish(environment, step));
    const operation = `${environment.runId}/${step}/${environment.assignment}`;
    this.report(environment, () => this.runner.write(environment, operation, restMs));
  }

  finish(environment: Environment, step: number): void {
    const { plan } = environment;
    const pauses = pausesAt(environment, step);
    environment.done = step === plan.durationsMs.length - 1 || pauses;
    if (pauses && plan.writes[step]) this.writeLate(environment);
    this.report(environment, () => this.runner.stepFinished(environment, step));
  }

  /** What a thread that the step has left behind may still try. */
  private writeLate(environment: Environment): void {
    const { simulation } = this;
    const operation = `${environment.execution}/late`;
    this.inEnvironment(environment, simulation.random.uniform(1, 300), () => {
      const gateway = simulation.random.choice(simulation.gateways);
      simulation.send(this.runner, gateway, "write", () =>
        gateway.onWrite(this.runner, environment.handing, operation),
      );
    });
  }

  /** What user code does goes on while its worker is paused: environments are processes of their own. */
  private inEnvironment(environment: Environment, delayMs: number, action: () => void): void {
    this.simulation.queue.at(delayMs, () => environment.alive && action());
  }

  /** Environment to worker to runner. One that still executes after its life, while somebody could kill it, breaks the rule. */
  private report(environment: Environment, action: () => void): void {
    const { simulation, runner } = this;
    if (!environment.alive) return;
    if (environment.kills && simulation.nowMs > environment.untilMs + 100) this.checkKillers(environment);
    this.later(0.3, () => runner.run(environment.runnerIncarnation, action));
  }

  private checkKillers(environment: Environment): void {
    const { simulation, runner } = this;
    const killers: [Process, number][] = [
      [this, environment.workerIncarnation],
      [runner, environment.runnerIncarnation],
    ];
    for (const [killer, incarnation] of killers) {
      // A runner kills through its worker, and ends that itself when it does not answer within 400 ms.
      const patienceMs = killer === this ? 100 : 600;
      const awake =
        simulation.nowMs > killer.pausedUntilMs + patienceMs && simulation.nowMs > environment.untilMs + patienceMs;
      const could = killer.up && killer.incarnation === incarnation && awake;
      if (could)
        simulation.fail("run", environment.runId, "still executes after its life, and", killer.name, "lets it");
    }
  }

  renew(environment: Environment, untilMs: number): void {
    environment.deadlineMs = Math.max(environment.deadlineMs, untilMs);
    if (environment.next === undefined) return;
    const step = environment.next;
    environment.next = undefined;
    this.start(environment, step);
  }

  /** Kills an environment under a limit at the end of its life, whatever the runner does. */
  watch(environment: Environment): void {
    const { simulation } = this;
    if (!environment.alive || !environment.kills) return;
    if (simulation.has("runner_kills_alone") || simulation.has("no_expiry")) return;
    if (simulation.nowMs >= environment.deadlineMs) this.end(environment, "EXPIRED");
    else this.later(environment.deadlineMs - simulation.nowMs + 0.001, () => this.watch(environment));
  }

  end(environment: Environment, cause: messages.GoneCause): void {
    if (!environment.alive) return;
    environment.alive = false;
    this.runner.later(1, () => this.runner.runGone(environment, cause));
  }

  /** Without its runner nobody can end or renew what it executes. */
  sessionLost(runnerIncarnation: number): void {
    for (const environment of this.simulation.monitor.environments) {
      const mine = environment.runner === this.runner && environment.runnerIncarnation === runnerIncarnation;
      if (mine && !environment.kills) environment.alive = false;
    }
  }
}
