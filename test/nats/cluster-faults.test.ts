import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connectBus, openLeases, openLogSink, openLogStream, type Bus, type Leases, type LogSink } from "@millrace/bus";
import { step, type control } from "@millrace/protocol";
import { startScratchNatsCluster, type ScratchNatsCluster, type ScratchNatsNode } from "@millrace/testkit";
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
/** Longest stop of the leases after one fault. A leader is missed after 4 to 9 s, which no setting of NATS' changes. */
const STALL_MAX_MS = 10_000;

/** A scheduler as far as NATS concerns it: renews its lease, hears the runners. */
class Holder {
  readonly name: string;
  readonly #bus: Bus;
  readonly #leases: Leases;
  readonly #holds: readonly number[];
  readonly #heardMs = new Map<string, number>();
  #renewedMs = performance.now();
  #ended = false;
  longestStallMs = 0;
  longestSilenceMs = 0;
  /** Partitions of ours that another living lease has named as well. */
  contested = 0;

  private constructor(bus: Bus, name: string, holds: readonly number[]) {
    this.name = name;
    this.#bus = bus;
    this.#holds = holds;
    this.#leases = openLeases(bus, { scheduler: name, ttlMs: LEASE_MS });
    bus.subscribe("test.beat.*", (_, { subject }) => this.#hear(subject));
    void this.#renew();
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

  async #renew(): Promise<void> {
    while (!this.#ended) {
      try {
        const { living } = await this.#leases.put(this.#holds);
        const nowMs = performance.now();
        this.longestStallMs = Math.max(this.longestStallMs, nowMs - this.#renewedMs);
        this.#renewedMs = nowMs;
        for (const [name, held] of living)
          if (name !== this.name) this.contested += held.filter((each) => this.#holds.includes(each)).length;
      } catch {
        // Tried again at the next tick, as a scheduler does.
      }
      await sleep(RENEW_MS);
    }
  }

  get sinceRenewalMs(): number {
    return performance.now() - this.#renewedMs;
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

  const leaderOf = (stream: string): Promise<ScratchNatsNode> =>
    managed(async (manager) => {
      const { cluster: group } = await manager.streams.info(stream);
      return cluster.nodes.find(({ name }) => name === group?.leader)!;
    });

  async function untilWhole(): Promise<void> {
    await until(async () => {
      const groups = await managed((manager) =>
        Promise.all(["KV_millrace_leases", "LOGS"].map(async (name) => (await manager.streams.info(name)).cluster)),
      ).catch(() => []);
      return (
        groups.length === 2 &&
        groups.every((group) => group?.leader !== undefined && group.replicas?.every(({ current }) => current))
      );
    }, 30_000);
  }

  /** Does harm, waits until every lease is renewed again, and says how long things stood still. */
  async function suffer(
    what: string,
    harm: () => Promise<void> | void,
    heal: () => Promise<void> | void,
  ): Promise<void> {
    await untilWhole();
    await sleep(2 * RENEW_MS);
    for (const holder of holders) holder.longestStallMs = holder.longestSilenceMs = 0;
    await harm();
    await sleep(3_000);
    await until(() => holders.every(({ sinceRenewalMs }) => sinceRenewalMs < 2 * RENEW_MS), 30_000);
    await heal();
    await sleep(2 * BEAT_MS);
    const stall = Math.max(...holders.map(({ longestStallMs }) => longestStallMs));
    const silence = Math.max(...holders.map(({ longestSilenceMs }) => longestSilenceMs));
    process.stdout.write(
      `# ${what}: leases stood still for ${stall.toFixed(0)} ms, a runner was silent for ${silence.toFixed(0)} ms\n`,
    );
    assert.ok(stall < STALL_MAX_MS, `leases stood still for ${stall} ms`);
    assert.ok(silence < DEAD_AFTER_MS, `a runner was silent for ${silence} ms`);
    assert.deepEqual(
      holders.map(({ contested }) => contested),
      [0, 0, 0],
    );
  }

  test("keeps three copies of leases and logs", () =>
    managed(async (manager) => {
      for (const name of ["KV_millrace_leases", "LOGS"]) {
        const { config } = await manager.streams.info(name);
        assert.equal(config.num_replicas, 3, name);
      }
    }));

  for (const index of [0, 1, 2]) {
    test(`goes on when server ${index + 1} is killed`, () => {
      const node = () => cluster.nodes[index]!;
      return suffer(
        `kill -9 of server ${index + 1}`,
        () => node().stop("SIGKILL"),
        () => node().restart(),
      );
    });
  }

  test("goes on when the leader of the leases hangs, and when it wakes up", async () => {
    const leader = await leaderOf("KV_millrace_leases");
    await suffer(
      "SIGSTOP of the leader of the leases",
      () => leader.freeze(),
      () => leader.thaw(),
    );
  });

  test("takes a server back that has lost its disk", async () => {
    await untilWhole();
    const node = await leaderOf("LOGS");
    await suffer(
      "kill and an empty disk",
      () => node.stop("SIGKILL"),
      () => node.restart({ emptyDisk: true }),
    );
  });

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
