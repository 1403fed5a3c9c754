import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  connectBus,
  openLeases,
  openLogSink,
  openLogStream,
  readLeases,
  type Bus,
  type Leases,
  type LeaseView,
  type LogSink,
} from "@millrace/bus";
import { step, type control } from "@millrace/protocol";
import { startScratchNatsCluster, type ScratchNatsCluster } from "@millrace/testkit";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { mac, SCRIPTED_RUNNER, withToken } from "../harness/scripted-runner.ts";
import { until } from "../harness/until.ts";

/** A scheduler's lease lives so long, and is renewed so often. */
const LEASE_MS = 2_000;
const RENEW_MS = 500;
/** An owner gives a runner up after this silence. */
const DEAD_AFTER_MS = 3_000;
const BEAT_MS = 1_000;
/** Longest time without a lease after one fault; on a free machine it is none at all. */
const GAP_MAX_MS = 1_000;

/** A scheduler as far as NATS concerns it: renews its lease, hears the runners. */
class Holder {
  readonly name: string;
  readonly #bus: Bus;
  readonly #leases: Leases;
  readonly #holds: readonly number[];
  readonly #heardMs = new Map<string, number>();
  #renewedMs = performance.now();
  #ended = false;
  #leaseUntilMs: number | undefined;
  #renewing = false;
  longestStallMs = 0;
  /** Longest time in which it had no lease. */
  longestGapMs = 0;
  longestSilenceMs = 0;
  /** Partitions of ours that another living lease has named as well. */
  contested = 0;

  private constructor(bus: Bus, name: string, holds: readonly number[]) {
    this.name = name;
    this.#bus = bus;
    this.#holds = holds;
    this.#leases = openLeases(bus, { scheduler: name, ttlMs: LEASE_MS });
    bus.subscribe("test.beat.*", (_, { subject }) => this.#hear(subject));
    this.#leases.onChange(() => void this.#renew());
    void this.#keepRenewing();
  }

  static async start(cluster: ScratchNatsCluster, name: string, holds: readonly number[]): Promise<Holder> {
    return new Holder(await connectBus({ ...cluster, name }), name, holds);
  }

  /** As an owner: while its own connection is down, and one heartbeat after, nobody is silent. */
  #hear(runner: string): void {
    const nowMs = performance.now();
    const beforeMs = this.#heardMs.get(runner);
    if (beforeMs !== undefined) this.longestSilenceMs = Math.max(this.longestSilenceMs, nowMs - beforeMs);
    this.#heardMs.set(runner, nowMs);
  }

  async #keepRenewing(): Promise<void> {
    while (!this.#ended) {
      void this.#renew();
      await sleep(RENEW_MS);
    }
  }

  /** One at a time; what fails is tried again at the next tick, as a scheduler does. */
  async #renew(): Promise<void> {
    if (this.#renewing || this.#ended) return;
    this.#renewing = true;
    const view = await this.#leases.put(this.#holds).catch(() => undefined);
    this.#renewing = false;
    if (view !== undefined) this.#note(view);
  }

  #note({ sentAtMs, living }: LeaseView): void {
    const nowMs = performance.now();
    this.longestStallMs = Math.max(this.longestStallMs, nowMs - this.#renewedMs);
    this.longestGapMs = Math.max(this.longestGapMs, nowMs - (this.#leaseUntilMs ?? nowMs));
    this.#leaseUntilMs = sentAtMs + LEASE_MS;
    this.#renewedMs = nowMs;
    for (const [name, held] of living)
      if (name !== this.name) this.contested += held.filter((each) => this.#holds.includes(each)).length;
  }

  /** Infinite before the first one. */
  get sinceRenewalMs(): number {
    return this.#leaseUntilMs === undefined ? Infinity : performance.now() - this.#renewedMs;
  }

  async stop(): Promise<void> {
    this.#ended = true;
    await this.#bus.drain(500);
  }
}

/** A runner as far as NATS concerns it: beats, and hands log lines over. */
class Beater {
  readonly #bus: Bus;
  readonly #logs: LogSink;
  readonly #name: string;
  readonly #timer: NodeJS.Timeout;
  sent = 0;

  private constructor(bus: Bus, name: string) {
    this.#bus = bus;
    this.#name = name;
    this.#logs = openLogSink(bus, SCRIPTED_RUNNER.runner);
    bus.onStatus(({ connected }) => connected && this.#beat());
    this.#timer = setInterval(() => this.#beat(), BEAT_MS);
  }

  static async start(cluster: ScratchNatsCluster, name: string): Promise<Beater> {
    return new Beater(await connectBus({ ...cluster, name }), name);
  }

  #beat(): void {
    this.#bus.publish(`test.beat.${this.#name}`, Buffer.alloc(0));
    this.#logs.publish(batchOf(this.#name, ++this.sent));
  }

  get losses(): number {
    return this.#logs.losses.lines;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#logs.flush(20_000);
    await this.#bus.drain(500);
  }
}

function batchOf(runId: string, sequence: number): control.LogBatch {
  const text = `line ${sequence}`;
  const line = { sequence, time: new Date(), stream: step.LogStream.STDOUT, path: "steps/0", text, continued: false };
  return withToken({ handing: { partition: 1, runId, assignment: 1 }, projectId: "p", workflowId: "w", lines: [line] });
}

/** Each on a server of its own. */
const BUCKETS = ["LEASES_0", "LEASES_1", "LEASES_2"] as const;

describe("a cluster of three NATS servers", () => {
  let cluster: ScratchNatsCluster;
  let holders: Holder[];
  let beaters: Beater[];
  let archive: Bus;
  const archived = new Map<string, Set<number>>();

  before(async () => {
    cluster = await startScratchNatsCluster();
    archive = await connectBus({ ...cluster, name: "archive" });
    const stream = openLogStream(archive, mac);
    await until(
      () =>
        stream.ensure().then(
          () => true,
          () => false,
        ),
      20_000,
    );
    stream.consume(async (batches) => {
      for (const { handing, lines } of batches) {
        const seen = archived.get(handing!.runId) ?? new Set<number>();
        for (const { sequence } of lines) seen.add(sequence);
        archived.set(handing!.runId, seen);
      }
    });
    holders = await Promise.all([
      Holder.start(cluster, "s1", [1, 2]),
      Holder.start(cluster, "s2", [3, 4]),
      Holder.start(cluster, "s3", [5, 6]),
    ]);
    beaters = await Promise.all(["r1", "r2", "r3", "r4"].map((name) => Beater.start(cluster, name)));
    await until(() => holders.every(({ sinceRenewalMs }) => sinceRenewalMs < RENEW_MS), 20_000);
  });

  after(async () => {
    await Promise.all(holders.map((holder) => holder.stop()));
    await Promise.all(beaters.map((beater) => beater.stop()));
    await archive.drain(500);
    await cluster.stop();
  });

  async function managed<T>(look: (manager: JetStreamManager) => Promise<T>): Promise<T> {
    const living = cluster.url.split(",");
    const connection = await connect({ servers: living, user: cluster.user, pass: cluster.password, timeout: 1_000 });
    try {
      return await look(await jetstreamManager(connection, { checkAPI: false }));
    } finally {
      await connection.close();
    }
  }

  async function untilWhole(): Promise<void> {
    await until(async () => {
      const groups = await managed((manager) =>
        Promise.all(["LOGS", ...BUCKETS].map(async (name) => (await manager.streams.info(name)).cluster)),
      ).catch(() => []);
      return (
        groups.length === 4 &&
        groups.every((group) => group?.leader !== undefined && (group.replicas ?? []).every(({ current }) => current))
      );
    }, 30_000);
  }

  /** Does harm, waits until every lease is renewed again, and says how long things stood still. */
  async function suffer(
    what: string,
    harm: () => Promise<void> | void,
    heal: () => Promise<void> | void,
    forMs = 3_000,
  ): Promise<void> {
    await untilWhole();
    await sleep(2 * RENEW_MS);
    for (const holder of holders) holder.longestStallMs = holder.longestGapMs = holder.longestSilenceMs = 0;
    await harm();
    await sleep(forMs);
    await until(() => holders.every(({ sinceRenewalMs }) => sinceRenewalMs < 2 * RENEW_MS), 30_000);
    await heal();
    await sleep(2 * BEAT_MS);
    await until(() => holders.every(({ sinceRenewalMs }) => sinceRenewalMs < 2 * RENEW_MS), 30_000);
    const gap = Math.max(...holders.map(({ longestGapMs }) => longestGapMs));
    const stall = Math.max(...holders.map(({ longestStallMs }) => longestStallMs));
    const silence = Math.max(...holders.map(({ longestSilenceMs }) => longestSilenceMs));
    process.stdout.write(
      `# ${what}: ${gap.toFixed(0)} ms without a lease, ${stall.toFixed(0)} ms between renewals, a runner was silent for ${silence.toFixed(0)} ms\n`,
    );
    assert.ok(gap < GAP_MAX_MS, `a scheduler had no lease for ${gap} ms`);
    assert.ok(silence < DEAD_AFTER_MS, `a runner was silent for ${silence} ms`);
    assert.deepEqual(
      holders.map(({ contested }) => contested),
      [0, 0, 0],
    );
  }

  test("keeps three copies of logs, and leases on each server for itself", async () => {
    await untilWhole();
    await managed(async (manager) => {
      assert.equal((await manager.streams.info("LOGS")).config.num_replicas, 3);
      const homes = await Promise.all(BUCKETS.map(async (name) => (await manager.streams.info(name)).cluster?.leader));
      assert.deepEqual(homes, ["n1", "n2", "n3"]);
      assert.equal((await manager.streams.info("KV_millrace_leases")).config.sealed, true);
    });
  });

  test("shows who lives", async () => {
    const living = await readLeases(archive);
    assert.deepEqual(Object.fromEntries(living), { s1: [1, 2], s2: [3, 4], s3: [5, 6] });
  });

  test("lets nobody keep a lease in the one bucket any more", async () => {
    const apart = openLeases(archive, { scheduler: "apart", ttlMs: LEASE_MS, replicas: 5 });
    await assert.rejects(apart.put([1]), { reason: "LEASES_MOVED" });
  });

  for (const index of [0, 1, 2]) {
    const node = () => cluster.nodes[index]!;
    test(`goes on when server ${index + 1} is killed`, () =>
      suffer(
        `kill -9 of server ${index + 1}`,
        () => node().stop("SIGKILL"),
        () => node().restart(),
      ));

    test(`goes on when server ${index + 1} hangs for less than a lease, and when it wakes up`, () =>
      suffer(
        `SIGSTOP of server ${index + 1}, 1.5 s`,
        () => node().freeze(),
        () => node().thaw(),
        1_500,
      ));

    test(`goes on when server ${index + 1} hangs, and when it wakes up`, () =>
      suffer(
        `SIGSTOP of server ${index + 1}, 7 s`,
        () => node().freeze(),
        () => node().thaw(),
        7_000,
      ));

    test(`takes server ${index + 1} back when it has lost its disk`, () =>
      suffer(
        `kill and an empty disk of server ${index + 1}`,
        () => node().stop("SIGKILL"),
        () => node().restart({ emptyDisk: true }),
      ));
  }

  test("has lost no log line", async () => {
    await untilWhole();
    assert.deepEqual(
      beaters.map(({ losses }) => losses),
      [0, 0, 0, 0],
    );
    await until(
      () => beaters.every(({ sent }, index) => (archived.get(`r${index + 1}`)?.size ?? 0) >= sent - 1),
      40_000,
    );
  });
});
