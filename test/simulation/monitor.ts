import { isBefore, isBehind, nextStepPath, type messages, type QueueKey } from "@millrace/core";
import { pathOf, type Environment } from "./environment.ts";
import { LIMITED } from "./run-plan.ts";
import type { Simulation } from "./simulation.ts";

/** Watches the rules that must stay true wherever something observable happens. */
export class Monitor {
  /** Runs whose acknowledgement a client holds. */
  readonly acknowledged = new Set<string>();
  /** Runs whose cancel a client holds. */
  readonly cancelled = new Set<string>();
  readonly environments: Environment[] = [];
  /** Places of the limited workflow's runs in its queue. */
  readonly places = new Map<string, QueueKey>();
  private readonly begun = new Set<string>();
  private readonly simulation: Simulation;

  constructor(simulation: Simulation) {
    this.simulation = simulation;
  }

  /** Executes in an assignment that has not expired (one whose last step has finished executes nothing). */
  isLive(environment: Environment): boolean {
    return environment.alive && !environment.done && this.simulation.nowMs < environment.untilMs;
  }

  /** User code of a step starts. */
  stepStarted(environment: Environment, step: number): void {
    const { postgres } = this.simulation;
    const { runId, assignment } = environment;
    const row = postgres.hot.get(runId) ?? postgres.history.get(runId);
    if (!row) return this.simulation.fail("run", runId, "executes without being committed");
    const path = pathOf(environment, step);
    if (path !== nextStepPath({ spec: row.accept.spec, steps: row.steps })) {
      const why = isBehind(row, path)
        ? "though its checkpoint is committed"
        : "before the checkpoint before it is committed";
      this.simulation.fail("step", path, "of run", runId, "starts, assignment", assignment, why);
    }
    if (environment.plan.workflow === LIMITED) this.limitedStepStarted(environment);
    this.begun.add(runId);
  }

  private limitedStepStarted(environment: Environment): void {
    const { runId } = environment;
    this.checkLimit(environment);
    if (this.begun.has(runId)) return;
    const mine = this.places.get(runId)!;
    for (const [other, place] of this.places) {
      const waits = !this.begun.has(other) && this.simulation.postgres.hot.has(other);
      // One with a higher priority may have come when this one was on its way already.
      if (waits && place.priority === mine.priority && isBefore(place, mine)) {
        this.simulation.fail("run", runId, "starts before run", other, "which was accepted earlier");
      }
    }
  }

  /** The limited workflow has limit 1. */
  checkLimit(environment: Environment): void {
    if (!this.isLive(environment)) return;
    for (const other of this.environments) {
      if (other === environment || other.plan.workflow !== LIMITED || !this.isLive(other)) continue;
      const name = ({ runId, assignment, runner }: Environment) =>
        `run ${runId} assignment ${assignment} on ${runner.name}`;
      this.simulation.fail(`limit 1: ${name(other)} and ${name(environment)} are both live`);
    }
  }

  /** A further assignment of a run goes out: without need, when its environment lives and nothing of it had a fault. */
  assigned(runId: string, assignment: number): void {
    const { kind, hurt, postgres } = this.simulation;
    const row = postgres.hot.get(runId);
    const suspends = row?.pauses ?? 0;
    // Each suspend closes one number, and its resumption takes the next; a takeover may cost one. A parked run takes its first
    // number with a commit.
    const parked = row?.wasParked === true ? 1 : 0;
    if (kind === "one" && row && postgres.isOfCurrentOwner(row) && assignment > 1 + parked + 2 * suspends) {
      this.simulation.fail("one lost message cost run", runId, "its assignment", assignment - 1);
    }
    if (kind !== "nats" && kind !== "sched" && kind !== "one") return;
    for (const environment of this.environments) {
      const { runner, alive, done, kills } = environment;
      if (environment.runId !== runId || environment.assignment >= assignment || !alive || done || kills) continue;
      if (hurt.has(runner.name) || hurt.has(runner.worker.name)) continue;
      this.simulation.fail("run", runId, "is dispatched again although its runner was never away");
    }
  }

  /** Somebody who has a link is told what came of it; of one that was too early a copy may still be under way. */
  resumed({ runId, path, requestId, action }: messages.Resume, outcome: messages.ResumeOutcome): void {
    const { simulation } = this;
    const by = simulation.postgres.resumedBy(runId, path);
    if (outcome !== "EARLY" && (outcome === "DONE") !== (by === requestId)) {
      simulation.fail("who wants to", action, "run", runId, "is told", outcome, "but the record says", by ?? "nobody");
    }
    if (outcome === "UNKNOWN") simulation.fail("a link of run", runId, "leads nowhere");
  }

  finish(): void {
    const { postgres } = this.simulation;
    for (const run of this.acknowledged) {
      if (!postgres.history.has(run)) this.simulation.fail("acknowledged run", run, "is lost");
    }
    for (const run of this.cancelled) {
      const state = postgres.history.get(run)?.state;
      if (state !== "CANCELLED") this.simulation.fail("run", run, "ended as", state, "after an acknowledged cancel");
    }
  }
}
