/**
 * The run protocol under faults, from a seed. The brains are the real ones of `core`; clock, network, Postgres, NATS KV,
 * workers and clients are simulated. A broken rule throws a `Violation`; its seed replays it exactly.
 *
 * Kinds of scenario: chaos (everything), loss (noise only), one (exactly one message lost), nats and sched (only NATS, only
 * schedulers fail), moves (schedulers and runners join and leave cleanly, nothing else), load (many runs compete for slots, and
 * runners drain meanwhile). Times are in ms; lives and waits of limited workflows are scaled down so that they are met often.
 */
import {
  encodeContext,
  TIMING_DEFAULT,
  type messages,
  type OutboxBody,
  type RunSpec,
  type Timing,
} from "@millrace/core";
import { EventQueue } from "./event-queue.ts";
import type { Mutation } from "./mutations.ts";
import { Random } from "./random.ts";
import { Client } from "./client.ts";
import { LIMITED, planLoad, planSubmitted, type RunPlan } from "./run-plan.ts";
import { LeaseBucket } from "./lease-bucket.ts";
import { Monitor } from "./monitor.ts";
import { PostgresModel } from "./postgres-model.ts";
import type { Process } from "./process.ts";
import { SimulatedGateway } from "./simulated-gateway.ts";
import { SimulatedRunner } from "./simulated-runner.ts";
import { SimulatedScheduler } from "./simulated-scheduler.ts";

export const PARTITIONS = 2;
export const SLOTS = 2;

/** What an owner knows of the version that a plan belongs to. */
export function specOf({ workflow, durationsMs, pool, queueLimit }: RunPlan): RunSpec {
  return {
    ...{ projectId: `p${workflow % 3}`, workflowId: `w${workflow}`, versionId: `v${workflow}`, pool, pythonMinor: "" },
    stepNames: durationsMs.map((_, index) => `step${index}`),
    concurrencyLimit: workflow === LIMITED ? 1 : 0,
    queueLimit,
    runTimeoutMs: 300_000,
  };
}

export class Violation extends Error {}

/** What a scenario is about: everything, or one thing and the faults that are hard on it. */
export type ScenarioKind = "chaos" | "limit" | "pause" | "loss" | "one" | "nats" | "sched" | "moves" | "load";

/** The first that is drawn from a seed. */
export function drawKind(random: Random): ScenarioKind {
  return random.weighted([
    ["chaos", 50],
    ["limit", 11],
    ["pause", 7],
    ["loss", 5],
    ["one", 5],
    ["nats", 7],
    ["sched", 7],
    ["moves", 4],
    ["load", 4],
  ] as const);
}

const LOSABLE = [
  "assign",
  "checkpoint",
  "committed",
  "release",
  "answer",
  "submit",
  "accepted",
  "refused",
  "lease",
  "renew",
  "heartbeat",
  "ended",
  "cancelled",
  "start",
  "resume",
  "resumed",
  "offer",
  "moved",
  "nudge",
  "released",
] as const;
/** What has not ended this long after the last fault hangs. */
const HANG_MS = 180_000;
/** Where nothing fails: by then everybody knows everybody, and how often is looked whether anything waits in vain. */
const QUIET_START_MS = 2500;
const LOOK_MS = 25;
/** How long a runner that drains lets its runs go on, and then waits for their next checkpoints. */
const DRAIN_GRACE_MS = 300;
const DRAIN_MS = 6000;

export class Simulation {
  readonly queue = new EventQueue();
  readonly random: Random;
  readonly mutations: ReadonlySet<Mutation>;
  readonly timing: Timing;
  readonly monitor: Monitor;
  readonly postgres: PostgresModel;
  readonly leases: LeaseBucket;
  readonly gateways: SimulatedGateway[];
  readonly schedulers: SimulatedScheduler[];
  readonly pools: readonly string[];
  readonly runners: SimulatedRunner[];
  readonly processes: Process[];
  readonly clients: Client[] = [];
  /** Names of processes that had a fault of their own. */
  readonly hurt = new Set<string>();
  readonly lines: string[] = [];
  readonly kind: ScenarioKind;
  /** Runs of a queue that an owner has in memory: few, so that the others are met in the record. */
  readonly headRuns: number;
  /** Most waiting runs of each project. */
  readonly projectLimit: number;
  faultsEndMs = 0;
  natsDownUntilMs = 0;
  private readonly blocked = new Map<string, number>();
  private readonly slowed = new Map<string, { byMs: number; untilMs: number }>();
  private noise = 0;
  private losing: string | undefined;
  private readonly tracing: boolean;

  constructor(seed: string, mutations: ReadonlySet<Mutation>, tracing: boolean) {
    this.random = new Random(seed);
    this.mutations = mutations;
    this.tracing = tracing;
    this.timing = timingFor(mutations);
    this.kind = drawKind(this.random);
    this.headRuns = this.random.choice([1, 2, 256]);
    this.projectLimit = this.random.choice([1_000_000, 1_000_000, 3, 1]);
    this.monitor = new Monitor(this);
    this.postgres = new PostgresModel(this);
    this.leases = new LeaseBucket(this, "kv");
    const many = () => this.random.choice([1, 2, 2, 3]);
    this.gateways = [0, 1].map((i) => new SimulatedGateway(this, `g${i}`));
    this.schedulers = Array.from({ length: many() }, (_, i) => new SimulatedScheduler(this, `s${i}`));
    const runners = this.kind === "load" ? 3 : many();
    this.pools = this.kind !== "load" && runners > 1 && this.random.next() < 0.4 ? ["default", "other"] : ["default"];
    this.runners = Array.from({ length: runners }, (_, i) => {
      const pool = this.pools[i % this.pools.length]!;
      return new SimulatedRunner(this, `r${i}`, pool);
    });
    const workers = this.runners.map((runner) => runner.worker);
    this.processes = [...this.gateways, ...this.schedulers, ...this.runners, ...workers];
    this.build();
  }

  get nowMs(): number {
    return this.queue.nowMs;
  }

  /** Nothing fails: schedulers and runners merely come and go. */
  get isQuiet(): boolean {
    return this.kind === "load" || this.kind === "moves";
  }

  has(mutation: Mutation): boolean {
    return this.mutations.has(mutation);
  }

  log(...words: unknown[]): void {
    if (this.tracing) this.lines.push(`${(this.nowMs / 1000).toFixed(3).padStart(8)}  ${words.join(" ")}`);
  }

  fail(...words: unknown[]): never {
    this.log("VIOLATION", ...words);
    throw new Violation(words.join(" "));
  }

  // The network: core NATS

  isConnected(process: Process): boolean {
    return this.nowMs >= this.natsDownUntilMs && this.nowMs >= process.cutUntilMs;
  }

  /** One message: lost, copied or late under noise; silently lost where something is cut. */
  send(from: Process, to: Process, kind: string, deliver: () => void): void {
    if (!this.isConnected(from) || (this.blocked.get(`${from.name}>${to.name}`) ?? 0) > this.nowMs) return;
    if (this.losing === kind && this.nowMs > 3000 && this.random.next() < 0.5) {
      this.log("LOST", kind, from.name, "to", to.name);
      this.losing = undefined;
      return;
    }
    const noisy = this.noise > 0 && this.nowMs < this.faultsEndMs;
    const dice = noisy ? this.random.next() : 1;
    const copies = dice < this.noise ? 0 : dice < 1.5 * this.noise ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const incarnation = to.incarnation;
      this.queue.at(this.delay(from, to, noisy), () => {
        if (this.isConnected(to))
          to.run(to.incarnation === incarnation || kind !== "lease" ? to.incarnation : -1, deliver);
      });
    }
  }

  private delay(from: Process, to: Process, noisy: boolean): number {
    if (noisy && this.random.next() < this.noise / 2) return this.random.uniform(100, 6000);
    const slow = this.slowed.get(`${from.name}>${to.name}`);
    return this.random.uniform(0.2, 4) + (slow && slow.untilMs > this.nowMs ? slow.byMs : 0);
  }

  // Load and faults

  private build(): void {
    const { random } = this;
    if (this.kind === "one") this.losing = random.choice(LOSABLE);
    const isLoad = this.kind === "load";
    const count = isLoad ? random.integer(20, 40) : random.integer(2, 6);
    for (let number = 0; number < count; number++) {
      const plan = isLoad ? planLoad(random, this.pools) : planSubmitted(random, `key${number}`, this.kind, this.pools);
      const client = new Client(this, plan);
      this.clients.push(client);
      this.queue.at(isLoad ? random.uniform(2500, 6000) : random.uniform(500, 6000), () => client.submit());
    }
    if (this.isQuiet) this.queue.at(QUIET_START_MS, () => this.watchWaiting());
    this.faultsEndMs = random.uniform(4000, 14_000);
    if (!this.isQuiet && this.kind !== "one" && this.kind !== "nats" && this.kind !== "sched")
      this.noise = random.choice([0, 0.02, 0.1, 0.3]);
    const faults = random.integer(...FAULT_COUNTS[this.kind]);
    const fromMs = this.isQuiet ? QUIET_START_MS : 1000;
    for (let i = 0; i < faults; i++) this.queue.at(random.uniform(fromMs, this.faultsEndMs), () => this.fault());
  }

  /** Where nothing fails, nothing may wait for what is there. */
  private watchWaiting(): void {
    this.monitor.look();
    if (this.postgres.hot.size > 0 || this.nowMs < this.faultsEndMs) this.queue.at(LOOK_MS, () => this.watchWaiting());
  }

  partitionOf(workflowId: string): number {
    return Number(workflowId.slice(1)) % PARTITIONS;
  }

  /** The submit of a run that another run starts. */
  childSubmit(body: Extract<OutboxBody, { kind: "START" }>, payload: Uint8Array, gateway: string): messages.Submit {
    const { childId: runId, traceId, timeMs, parent, workflowId, workflowName } = body;
    const spec = specOf(this.postgres.plans.get(runId)!);
    const context = encodeContext({ runId, traceId, timeMs, spec, workflowName, parent });
    return {
      ...{ partition: this.partitionOf(workflowId), runId, spec },
      input: {
        ...{ eventJson: payload, contextJson: Buffer.from(context), eventFallsBackToBody: false },
        ...{ triggerKind: "workflow", traceParent: "", traceId, createTimeMs: timeMs },
      },
      ...{
        priority: this.postgres.plans.get(runId)!.priority,
        idempotencyKey: "",
        gateway,
        wantsAnswer: false,
        wantsEnd: false,
      },
    };
  }

  private fault(): void {
    const { random } = this;
    const spanMs = random.choice([500, 2000, 4000, 8000, random.next() < 0.2 ? 60_000 : 3000]) * random.uniform(0.5, 1);
    const what = random.choice(FAULTS[this.kind]);
    const process = random.choice(this.kind === "sched" ? this.schedulers : this.processes);
    const untilMs = this.nowMs + spanMs;
    this.faultsEndMs = Math.max(this.faultsEndMs, untilMs);
    this.log("FAULT", what, process.name, `for ${(spanMs / 1000).toFixed(2)} s`);
    this.inflict(what, process, spanMs, untilMs);
  }

  private inflict(what: Fault, process: Process, spanMs: number, untilMs: number): void {
    const { random } = this;
    if (what === "kill" || what === "pause") {
      this.hurt.add(process.name);
      if (what === "kill") process.killFor(spanMs);
      else process.pause(untilMs);
    } else if (what === "host") {
      const runner = random.choice(this.runners);
      for (const one of [runner, runner.worker]) {
        this.hurt.add(one.name);
        if (spanMs > 2000) one.killFor(spanMs);
        else one.pause(untilMs);
      }
    } else if (what === "cut") process.cutUntilMs = untilMs;
    else if (what === "schedcut") random.choice(this.schedulers).cutUntilMs = untilMs;
    else if (what === "nats") {
      this.natsDownUntilMs = Math.max(this.natsDownUntilMs, untilMs);
    } else if (what === "pgcut") process.postgresCutUntilMs = untilMs;
    else if (what === "pg") this.postgres.crash(untilMs);
    else if (what === "block") this.block(untilMs);
    else if (what === "late") this.answerLate(random.choice(this.runners));
    else if (what === "handover") this.handOver(random.choice(this.runners));
    else if (what === "leave") this.leave(random.choice(this.schedulers), spanMs);
    else if (what === "drain") random.choice(this.runners).drainFor(DRAIN_GRACE_MS, DRAIN_MS, spanMs);
    else if (what === "lapse") this.lapse(random.choice(this.schedulers));
    else if (what === "usurp") this.usurp(random.choice(this.schedulers), random.choice(this.runners));
    else if (what === "join" && this.schedulers.length < 4) this.join();
  }

  private block(untilMs: number): void {
    const { random } = this;
    const process = random.choice<Process>(random.next() < 0.5 ? this.processes : this.runners);
    const scheduler = random.choice(this.schedulers);
    const [there, back] = [`${process.name}>${scheduler.name}`, `${scheduler.name}>${process.name}`];
    if (random.next() < 0.4) {
      this.blocked.set(there, untilMs);
      this.blocked.set(back, untilMs);
    } else {
      // The way back is slow, then the way there is cut.
      this.slowed.set(back, { byMs: random.uniform(0, 2000), untilMs });
      this.queue.at(random.uniform(0, 3000), () => void this.blocked.set(there, untilMs));
    }
  }

  /** What owners say to a runner arrives late, and then they hear nothing of it any more. */
  private answerLate(runner: Process): void {
    const byMs = this.random.uniform(1200, 2400);
    const untilMs = this.nowMs + 8000;
    this.faultsEndMs = Math.max(this.faultsEndMs, untilMs);
    for (const { name } of this.schedulers) this.slowed.set(`${name}>${runner.name}`, { byMs, untilMs });
    this.queue.at(this.random.uniform(100, 1200), () => {
      for (const { name } of this.schedulers) this.blocked.set(`${runner.name}>${name}`, untilMs);
    });
  }

  /** Owners change while a runner that has something to end is out of reach. */
  private handOver(runner: Process): void {
    const { random } = this;
    const spanMs = random.uniform(1500, 4000);
    runner.cutUntilMs = this.nowMs + spanMs;
    this.queue.at(random.uniform(0, 300), () => this.clients.forEach((client) => client.cancelPlanned()));
    this.queue.at(random.uniform(100, 1500), () =>
      this.schedulers.forEach((one) => this.leave(one, random.uniform(100, 400))),
    );
  }

  /** Renewals are lost for about as long as a lease lives, and for no longer: its holder may think that nothing was. */
  private lapse(scheduler: SimulatedScheduler): void {
    this.blocked.set(`${scheduler.name}>${this.leases.name}`, this.nowMs + this.random.uniform(1400, 2600));
  }

  /** One who joins is deaf to a runner that the owner before still serves, and that owner cannot renew its lease. */
  private usurp(scheduler: SimulatedScheduler, runner: Process): void {
    const untilMs = this.nowMs + 9000;
    this.faultsEndMs = Math.max(this.faultsEndMs, untilMs);
    this.blocked.set(`${scheduler.name}>${this.leases.name}`, untilMs);
    if (this.schedulers.length < 4) this.join();
    for (const other of this.schedulers.filter((each) => each !== scheduler)) {
      this.blocked.set(`${runner.name}>${other.name}`, untilMs);
      this.blocked.set(`${other.name}>${runner.name}`, untilMs);
    }
  }

  private leave(scheduler: SimulatedScheduler, spanMs: number): void {
    this.hurt.add(scheduler.name);
    if (!scheduler.up || this.nowMs <= scheduler.pausedUntilMs) return;
    // Without any scheduler something has failed.
    if (this.isQuiet && this.schedulers.filter(({ up }) => up).length === 1) return;
    scheduler.leave(spanMs);
  }

  private join(): void {
    const scheduler = new SimulatedScheduler(this, `s${this.schedulers.length}`);
    this.schedulers.push(scheduler);
    this.processes.push(scheduler);
  }

  /** Runs until everything has ended after the last fault; returns the number of events. */
  go(): number {
    let lookMs = 0;
    for (;;) {
      this.queue.step();
      if (this.nowMs <= lookMs) continue;
      lookMs = this.nowMs + 500;
      if (this.nowMs <= this.faultsEndMs + 1000 || this.nowMs <= 7000) continue;
      const waiting = this.clients.filter((client) => !client.isSettled());
      const { hot, outbox } = this.postgres;
      if (hot.size === 0 && outbox.size === 0 && waiting.length === 0) break;
      if (this.nowMs > this.faultsEndMs + HANG_MS) this.reportHang(waiting);
    }
    this.monitor.finish();
    return this.queue.handled;
  }

  private reportHang(waiting: Client[]): never {
    const runs = [...this.postgres.hot.values()].map(
      (row) => `run ${row.runId} ${row.state} assignment ${row.assignment}`,
    );
    const messages = [...this.postgres.outbox.keys()].map((id) => `message ${id}`);
    return this.fail("hangs:", ...runs, ...messages, ...waiting.map((client) => `client of run ${client.runId}`));
  }
}

/** Fewest and most faults of a scenario. */
const FAULT_COUNTS: Record<ScenarioKind, readonly [number, number]> = {
  chaos: [0, 6],
  limit: [3, 9],
  pause: [2, 6],
  loss: [1, 2],
  one: [0, 0],
  nats: [1, 2],
  sched: [1, 2],
  moves: [1, 4],
  load: [1, 3],
};

type Fault =
  | "kill"
  | "pause"
  | "host"
  | "cut"
  | "schedcut"
  | "pgcut"
  | "block"
  | "nats"
  | "pg"
  | "join"
  | "leave"
  | "late"
  | "handover"
  | "lapse"
  | "usurp"
  | "drain";

const FAULTS: Record<ScenarioKind, readonly Fault[]> = {
  // Places of a limit change hands when owners do, and runners that nobody hears go on.
  limit: [
    "late",
    "late",
    "handover",
    "handover",
    "block",
    "leave",
    "join",
    "pause",
    "kill",
    "schedcut",
    "host",
    "lapse",
    "usurp",
  ],
  // Two who end one pause, while its owner dies or does not learn what the record did.
  pause: ["kill", "pause", "leave", "join", "pgcut", "pgcut", "pg", "block"],
  chaos: [
    "kill",
    "kill",
    "pause",
    "pause",
    "host",
    "cut",
    "pgcut",
    "block",
    "block",
    "nats",
    "pg",
    "join",
    "leave",
    "drain",
  ],
  loss: ["join"],
  one: ["join"],
  nats: ["nats", "schedcut", "lapse"],
  sched: ["kill", "pause", "leave", "pgcut", "pg", "lapse"],
  moves: ["join", "leave", "drain"],
  load: ["drain", "join"],
};

function timingFor(mutations: ReadonlySet<Mutation>): Timing {
  const timing: Timing = { ...TIMING_DEFAULT, limitedLifeMs: 2500, limitedWaitMs: 3500 };
  if (mutations.has("no_wait")) return { ...timing, waitMs: 1000, limitedWaitMs: 1000 };
  if (mutations.has("assign_not_resent")) return { ...timing, assignResendMs: Infinity };
  return timing;
}
