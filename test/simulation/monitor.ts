import {
  isBefore,
  isBehind,
  nextStepPath,
  type LostAttempt,
  type messages,
  type QueueKey,
  type RunSpec,
} from "@millrace/core";
import { pathOf, type Environment } from "./environment.ts";
import type { Row } from "./postgres-record.ts";
import { LIMITED } from "./run-plan.ts";
import type { SimulatedRunner } from "./simulated-runner.ts";
import { PARTITIONS, SLOTS, type Simulation } from "./simulation.ts";

const OWNERLESS_MS = 600;
const IDLE_SLOT_MS = 700;

/** Watches the rules that must stay true wherever something observable happens. */
export class Monitor {
  /** Runs whose acknowledgement a client holds. */
  readonly acknowledged = new Set<string>();
  /** Runs whose cancel a client holds. */
  readonly cancelled = new Set<string>();
  readonly environments: Environment[] = [];
  /** Places of the limited workflow's runs in its queue. */
  readonly places = new Map<string, QueueKey>();
  private readonly given = new Set<string>();
  private readonly begun = new Set<string>();
  /** Assignments of which the record says that an attempt was lost. */
  private readonly losses = new Set<string>();
  /** What waits in vain, and since when. */
  private readonly waiting = new Map<string, number>();
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

  /** True when the run has been given to a runner. */
  wasAssigned(runId: string): boolean {
    return this.given.has(runId);
  }

  /** A further assignment of a run goes out: without need, when its environment lives and nothing of it had a fault. */
  assigned(runId: string, assignment: number): void {
    this.given.add(runId);
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

  /** A lost attempt comes into the record: of the assignment that is over, once, and of the step that the run is at. */
  lost({ accept: { spec }, runId, assignment, steps }: Row, lost: LostAttempt): void {
    const { simulation } = this;
    const key = `${runId}/${lost.assignment}`;
    if (this.losses.has(key)) simulation.fail("assignment", lost.assignment, "of run", runId, "loses two attempts");
    this.losses.add(key);
    if (lost.assignment !== assignment || lost.path !== nextStepPath({ spec, steps })) {
      const where = `${lost.path}, assignment ${lost.assignment}`;
      simulation.fail("run", runId, "loses an attempt of", where, "but is elsewhere in assignment", assignment);
    }
    if (lost.startTimeMs !== null && lost.startTimeMs > lost.endTimeMs) {
      simulation.fail("an attempt of run", runId, "ends before it begins");
    }
  }

  /** A client is told that its run is not accepted. A takeover may have come between the word and its arrival. */
  refused(runId: string, why: string): void {
    const { postgres } = this.simulation;
    const row = postgres.hot.get(runId) ?? postgres.history.get(runId);
    if (row && postgres.isOfFirstOwner(row)) {
      this.simulation.fail("client is told", why, "although run", runId, "is in the record");
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

  /** A runner takes a run. */
  taken(runner: SimulatedRunner, runId: string, { pool }: RunSpec): void {
    if (runner.pool !== pool) this.simulation.fail(runner.name, "takes a run of another pool:", pool);
    // An earlier environment of the same run is about to be killed for it.
    const live = this.liveAt(runner, runId);
    if (live >= runner.runsMax) this.simulation.fail(runner.name, "takes a run, and has", live, "of them already");
  }

  /** Slots are those of one start of a runner: it knows nothing of what its former self left behind, which ends on its own. */
  private liveAt(runner: SimulatedRunner, exceptRunId = ""): number {
    const { incarnation } = runner;
    return this.environments.filter(
      (one) => one.runner === runner && one.runnerIncarnation === incarnation && one.alive && one.runId !== exceptRunId,
    ).length;
  }

  /** Where nothing fails: no partition is without an owner for long, and no run waits beside a free slot. */
  look(): void {
    const { simulation } = this;
    const owned = new Set(simulation.schedulers.flatMap((scheduler) => [...scheduler.owned()]));
    const somebody = simulation.schedulers.some(({ up }) => up);
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const lost = somebody && simulation.schedulers.length > 1 && !owned.has(partition);
      this.timeWaiting(`partition ${partition} has no owner`, lost, OWNERLESS_MS);
    }
    for (const row of simulation.postgres.hot.values()) {
      const { spec } = row.accept;
      const executes = this.environments.some(({ runId, alive }) => runId === row.runId && alive);
      const room = simulation.runners.some(
        (runner) => runner.takesRuns && runner.pool === spec.pool && this.liveAt(runner) < SLOTS,
      );
      const waits = row.state !== "SUSPENDED" && spec.concurrencyLimit === 0 && !executes && room;
      this.timeWaiting(`run ${row.runId} waits beside a free slot`, waits, IDLE_SLOT_MS);
    }
  }

  private timeWaiting(what: string, waits: boolean, mostMs: number): void {
    const { simulation } = this;
    if (!waits) return void this.waiting.delete(what);
    const since = this.waiting.get(what) ?? simulation.nowMs;
    this.waiting.set(what, since);
    if (simulation.nowMs - since > mostMs) simulation.fail(what, "for", mostMs, "ms, though nothing has failed");
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
