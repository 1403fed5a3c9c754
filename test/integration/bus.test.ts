import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { connectBus, openChannels, type Bus, type BusLimits, type BusStatus } from "@millrace/bus";
import { PlatformError } from "@millrace/core";
import { control } from "@millrace/protocol";
import { startScratchNats, type ScratchNats } from "@millrace/testkit";
import { startStallableProxy } from "../harness/stallable-proxy.ts";
import { until } from "../harness/until.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (data: Uint8Array): string => new TextDecoder().decode(data);

let nats: ScratchNats;
const open: Bus[] = [];

async function connectTo(url: string, name: string, limits: Partial<BusLimits> = {}): Promise<Bus> {
  const { user, password } = nats;
  const bus = await connectBus({ url, user, password, name, limits });
  open.push(bus);
  return bus;
}

const connect = (name: string, limits?: Partial<BusLimits>): Promise<Bus> => connectTo(nats.url, name, limits);

function renewal(scheduler: string): control.Renew {
  return { scheduler, owners: [], runnerIncarnation: "i", stampMs: 1, renew: [], kill: [], demand: [] };
}

before(async () => {
  nats = await startScratchNats();
});

after(async () => {
  await Promise.all(open.map((bus) => bus.drain(500)));
  await nats.stop();
});

describe("a bus", () => {
  test("carries typed messages to the one who is named", async () => {
    const [owner, runner] = await Promise.all([connect("s1"), connect("r1")]);
    const got: string[] = [];
    openChannels(runner)
      .renew("r1")
      .listen((message) => void got.push(message.scheduler));
    openChannels(runner)
      .renew("r2")
      .listen(() => void got.push("wrong"));
    await runner.flush();
    openChannels(owner).renew("r1").send(renewal("s1"));
    await until(() => got.length > 0);
    assert.deepEqual(got, ["s1"]);
  });

  test("hands what one process alone is to have over within that process, but for what is large or not for it now", async () => {
    const [both, elsewhere] = await Promise.all([connect("both"), connect("elsewhere")]);
    const got: string[] = [];
    let isOwner = true;
    const cancel = (runId: string): control.Cancel => ({ partition: 7, runId, gateway: "g", reason: "" });
    const resume = (dataJson: Buffer): control.Resume => ({
      ...control.Resume.decode(new Uint8Array(0)),
      partition: 7,
      dataJson,
    });
    const here = openChannels(both);
    here.cancel(7).listen(
      ({ runId }) => void got.push(runId),
      () => isOwner,
    );
    here.resume(7).listen(({ dataJson }) => void got.push(`${dataJson.length} bytes`));
    await both.flush();
    here.cancel(7).send(Object.freeze(cancel("near")));
    here.resume(7).send(resume(Buffer.alloc(2 * 1024 * 1024)));
    await until(() => got.length === 2);
    assert.deepEqual([got, both.counters.short, both.counters.published], [["near", "2097152 bytes"], 1, 1]);
    openChannels(elsewhere)
      .cancel(7)
      .listen(({ runId }) => void got.push(`${runId} elsewhere`));
    await elsewhere.flush();
    isOwner = false;
    here.cancel(7).send(cancel("far"));
    await until(() => got.length === 4);
    assert.deepEqual(got.slice(2).toSorted(), ["far", "far elsewhere"]);
    assert.equal(both.counters.short, 1);
    assert.throws(() => here.resume(7).send(resume(Buffer.alloc(9 * 1024 * 1024))), { reason: "PAYLOAD_TOO_LARGE" });
  });

  test("loses what goes from one part of a process to another too while there is no connection", async () => {
    const proxy = await startStallableProxy(nats.port);
    const bus = await connectTo(`nats://127.0.0.1:${proxy.port}`, "alone");
    const got: string[] = [];
    const channel = openChannels(bus).cancel(8);
    channel.listen(({ runId }) => void got.push(runId));
    const send = (runId: string): boolean => channel.send({ partition: 8, runId, gateway: "g", reason: "" });
    assert.equal(send("before"), true);
    await until(() => got.length === 1);
    await proxy.close();
    await until(() => !bus.connected);
    assert.equal(send("meanwhile"), false);
    assert.deepEqual([got, bus.counters.lostDisconnected], [["before"], 1]);
  });

  test("goes on after a handler that throws and after bytes that are no message", async () => {
    const bus = await connect("handlers");
    const got: string[] = [];
    openChannels(bus)
      .renew("fragile")
      .listen((message) => {
        if (message.scheduler === "boom") throw new TypeError("a handler's mistake");
        if (message.scheduler === "later") return Promise.reject(new TypeError("a handler's later mistake"));
        got.push(message.scheduler);
        return undefined;
      });
    await bus.flush();
    bus.publish("millrace.r.fragile.renew", Uint8Array.of(0xff, 0xff, 0xff));
    for (const name of ["boom", "later", "fine"]) openChannels(bus).renew("fragile").send(renewal(name));
    await until(() => got.length > 0);
    assert.deepEqual(got, ["fine"]);
    assert.equal(bus.counters.undecodable, 1);
    await until(() => bus.counters.handlerErrors === 2);
  });

  test("hands what a group is sent to one of its members", async () => {
    const [a, b, sender] = await Promise.all([connect("a"), connect("b"), connect("sender")]);
    let got = 0;
    for (const member of [a, b]) member.subscribe("test.group", () => void got++, { queue: "members" });
    await Promise.all([a.flush(), b.flush()]);
    for (let i = 0; i < 50; i++) sender.publish("test.group", encode("x"));
    await until(() => got >= 50);
    await Promise.all([a.flush(), b.flush()]);
    assert.equal(got, 50);
  });

  test("answers requests, and says why there is no answer", async () => {
    const bus = await connect("requests");
    bus.subscribe("test.echo", (data, meta) => bus.respond(meta.reply, data));
    bus.subscribe("test.mute", () => {});
    await bus.flush();
    assert.equal(decode(await bus.request("test.echo", encode("hello"), { timeoutMs: 2_000 })), "hello");
    await assert.rejects(bus.request("test.mute", encode("x"), { timeoutMs: 50 }), { reason: "BUS_TIMEOUT" });
    await assert.rejects(bus.request("test.nobody", encode("x"), { timeoutMs: 2_000 }), {
      reason: "BUS_NO_RESPONDERS",
    });
  });

  test("carries a service's refusal back to who asked", async () => {
    const bus = await connect("services");
    const channels = openChannels(bus, { runner: "r1", pool: "default" });
    channels.environment().serve((request) => {
      if (request.runToken !== "good")
        throw new PlatformError("PermissionDenied", "RUN_TOKEN_INVALID", "no such token");
      return { generation: 7, changed: true, variables: { A: "1" }, secretNames: [], error: undefined };
    });
    await bus.flush();
    const ask = (runToken: string) =>
      channels.environment().request({ runToken, knownGeneration: 0 }, { timeoutMs: 2_000 });
    assert.deepEqual((await ask("good")).variables, { A: "1" });
    await assert.rejects(ask("bad"), {
      kind: "PermissionDenied",
      reason: "RUN_TOKEN_INVALID",
      message: "no such token",
    });
  });

  test("gathers the answers of everybody until there are enough", async () => {
    const [one, two, asker] = await Promise.all([connect("g1"), connect("g2"), connect("asker")]);
    for (const gateway of [one, two]) {
      openChannels(gateway)
        .definitions()
        .serve(async ({ generation }) => ({ gateway: gateway.name, generation }));
    }
    await Promise.all([one.flush(), two.flush()]);
    const served = new Set<string>();
    const announce = (wanted: number, timeoutMs: number) =>
      openChannels(asker)
        .definitions()
        .announce({ generation: 3 }, { timeoutMs, onServed: ({ gateway }) => served.add(gateway).size === wanted });
    assert.equal(await announce(2, 5_000), true);
    assert.deepEqual([...served].sort(), ["g1", "g2"]);
    assert.equal(await announce(3, 50), false);
  });

  test("refuses what is larger than a message may be", async () => {
    const bus = await connect("large", { messageBytesMax: 1_000 });
    assert.throws(() => bus.publish("test.large", new Uint8Array(1_001)), { reason: "PAYLOAD_TOO_LARGE" });
    assert.equal(bus.publish("test.large", new Uint8Array(1_000)), true);
    await assert.rejects(bus.request("test.large", new Uint8Array(1_001), { timeoutMs: 100 }), {
      reason: "PAYLOAD_TOO_LARGE",
    });
  });

  test("refuses wrong credentials at once", async () => {
    const attempt = connectBus({ url: nats.url, user: nats.user, password: "wrong", name: "thief" });
    await assert.rejects(attempt, { kind: "PermissionDenied", reason: "BUS_REFUSED" });
  });
});

describe("a bus whose server goes away", () => {
  test("loses what is sent meanwhile without an error, and has its subscriptions again when the server is back", async () => {
    const [a, b] = await Promise.all([connect("before"), connect("after")]);
    const statuses: BusStatus[] = [];
    a.onStatus((status) => statuses.push(status));
    const got: string[] = [];
    b.subscribe("test.crash", (data) => void got.push(decode(data)));
    await b.flush();

    await nats.stop("SIGKILL");
    await until(() => !a.connected && !b.connected);
    assert.equal(a.publish("test.crash", encode("into the void")), false);
    await assert.rejects(a.request("test.crash", encode("x"), { timeoutMs: 100 }), { reason: "BUS_DISCONNECTED" });
    await nats.restart();
    await until(() => a.connected && b.connected);
    await b.flush();
    a.publish("test.crash", encode("back"));
    await until(() => got.length > 0);

    assert.deepEqual(got, ["back"]);
    assert.deepEqual(
      statuses.map((status) => status.connected),
      [false, true],
    );
    assert.ok(a.counters.lostDisconnected >= 1);
  });

  test("notices a server that has stopped answering and keeps what waits for it within bounds", async () => {
    const proxy = await startStallableProxy(nats.port);
    const pings = { quietMs: 200, pingIntervalMs: 100, pingsMissedMax: 3 };
    const limits = { ...pings, connectTimeoutMs: 300, pendingBytesMax: 1_000_000 };
    const bus = await connectTo(`nats://127.0.0.1:${proxy.port}`, "stalled", limits);
    const got: string[] = [];
    bus.subscribe("test.stall", (data) => void got.push(decode(data)));
    await bus.flush();

    proxy.stall();
    const stalledAtMs = performance.now();
    for (let i = 0; i < 100; i++) bus.publish("test.stall", new Uint8Array(100_000));
    assert.ok(bus.counters.lostBacklog >= 80, `${bus.counters.lostBacklog} were dropped`);
    await until(() => !bus.connected);
    assert.ok(bus.lastHeardMs <= stalledAtMs + 100);

    proxy.resume();
    await until(() => bus.connected);
    await bus.flush();
    got.length = 0;
    bus.publish("test.stall", encode("again"));
    await until(() => got.length > 0);
    assert.deepEqual(got, ["again"]);
    await bus.drain(200);
    await proxy.close();
  });

  test("takes an answer to anything for a sign of life", async () => {
    const [asker, answerer] = [await connect("asker", { quietMs: 60_000 }), await connect("answerer")];
    answerer.subscribe("test.sign", (_data, { reply }) => answerer.respond(reply, encode("here")));
    await answerer.flush();
    const askedMs = performance.now();
    assert.ok(asker.lastHeardMs < askedMs);
    await asker.request("test.sign", encode("?"), { timeoutMs: 5_000 });
    assert.ok(asker.lastHeardMs > askedMs);
  });

  test("publishes more than its backlog bound to a server that keeps up", async () => {
    const bus = await connect("busy", { pendingBytesMax: 1_000_000 });
    let received = 0;
    bus.subscribe("test.busy", () => void received++);
    await bus.flush();
    for (let i = 0; i < 200; i++) {
      bus.publish("test.busy", new Uint8Array(20_000));
      if (i % 10 === 9) await bus.flush();
    }
    await until(() => received === 200);
    assert.equal(bus.counters.lostBacklog, 0);
  });
});
