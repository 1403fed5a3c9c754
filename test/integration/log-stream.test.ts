import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import {
  connectBus,
  openLogSink,
  openLogStream,
  type Bus,
  type LogSink,
  type LogStream,
  type LogStreamLimits,
} from "@millrace/bus";
import { step, type control } from "@millrace/protocol";
import { startScratchNats, type ScratchNats } from "@millrace/testkit";
import { mac, SCRIPTED_RUNNER, withToken } from "../harness/scripted-runner.ts";
import { until } from "../harness/until.ts";

let nats: ScratchNats;
let buses: Bus[];
let run = 0;

const RUN_LINES = 20;

before(async () => {
  nats = await startScratchNats();
  const { url, user, password } = nats;
  buses = await Promise.all(["runner", "scheduler", "other"].map((name) => connectBus({ url, user, password, name })));
});

after(async () => {
  await Promise.all(buses.map((bus) => bus.drain(500)));
  await nats.stop();
});

beforeEach(() => run++);

/** The stream with both its ends: the runner's, and that of those who read. */
function stream(bus: number, limits: Partial<LogStreamLimits> = {}): LogStream & LogSink {
  const bounds = { publishTimeoutMs: 500, ...limits };
  const sink = openLogSink(buses[bus]!, SCRIPTED_RUNNER.runner, bounds);
  return {
    ...openLogStream(buses[bus]!, mac, bounds),
    publish: (batch) => sink.publish(batch),
    flush: (timeoutMs) => sink.flush(timeoutMs),
    losses: sink.losses,
  };
}

function batch(sequence: number, text = `line ${sequence}`, runId = `run-${run}`): control.LogBatch {
  return withToken({
    handing: { partition: 3, runId, assignment: 1 },
    projectId: "project",
    workflowId: `workflow-of-${runId}`,
    lines: [{ sequence, time: new Date(), stream: step.LogStream.STDOUT, path: "steps/0", text, continued: false }],
  });
}

function texts(batches: readonly control.LogBatch[]): string[] {
  return batches.flatMap(({ lines }) => lines.map(({ text }) => text));
}

function expected(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `line ${index + 1}`);
}

/** Lines of this test's run only: the writers' consumer is shared by all. */
function ofThisRun(into: control.LogBatch[]) {
  const runId = `run-${run}`;
  return async (batches: readonly control.LogBatch[]): Promise<void> => {
    into.push(...batches.filter(({ handing }) => handing?.runId === runId));
  };
}

describe("the log stream", () => {
  test("gives a reader all lines of its run in order, those from before it came included", async () => {
    const logs = stream(0);
    await logs.ensure();
    for (let i = 1; i <= 10; i++) logs.publish(batch(i));
    await logs.flush(5_000);
    const got: control.LogBatch[] = [];
    const reader = stream(1).tail({ runId: `run-${run}` }, (one) => got.push(one));
    await until(() => got.length === 10);
    logs.publish(batch(99, "of another run", "run-elsewhere"));
    for (let i = 11; i <= RUN_LINES; i++) logs.publish(batch(i));
    await until(() => got.length === RUN_LINES);
    assert.deepEqual(texts(got), expected(RUN_LINES));
    reader.close();
  });

  test("gives a reader of a workflow what comes from now on", async () => {
    const logs = stream(0);
    logs.publish(batch(1, "before"));
    await logs.flush(5_000);
    const got: control.LogBatch[] = [];
    const reader = stream(1).tail({ partition: 3, workflowId: `workflow-of-run-${run}` }, (one) => got.push(one));
    // The reader is there once it sees something; what is published until then may be before its time.
    let sequence = 2;
    await until(() => logs.publish(batch(sequence++, "after")) && got.length > 0);
    assert.ok(texts(got).every((text) => text === "after"));
    reader.close();
  });

  test("hands each batch to one writer, and again when it could not be stored", async () => {
    const logs = stream(0);
    const [one, two]: control.LogBatch[][] = [[], []];
    let failures = 0;
    const store = ofThisRun(one!);
    const writers = [
      stream(1).consume(async (batches) => {
        if (failures++ === 0) throw new Error("Postgres is away");
        await store(batches);
      }),
      stream(2).consume(ofThisRun(two!)),
    ];
    for (let i = 1; i <= RUN_LINES; i++) logs.publish(batch(i));
    await until(() => one!.length + two!.length >= RUN_LINES);
    const all = texts([...one!, ...two!]);
    assert.deepEqual(all.sort(), expected(RUN_LINES).sort());
    for (const writer of writers) writer.close();
  });

  test("hands what a dead writer had not acknowledged to the next one", async () => {
    const logs = stream(0);
    let taken = 0;
    const stuck = stream(1, { ackWaitMs: 500 }).consume((batches) => {
      taken += batches.length;
      return new Promise(() => {});
    });
    for (let i = 1; i <= RUN_LINES; i++) logs.publish(batch(i));
    await until(() => taken > 0);
    const got: control.LogBatch[] = [];
    const next = stream(2, { ackWaitMs: 500 }).consume(ofThisRun(got));
    stuck.close();
    await until(() => new Set(texts(got)).size === RUN_LINES);
    next.close();
  });

  test("keeps within its size, the oldest lines going first", async () => {
    await buses[0]!.flush();
    const small = stream(0, { streamBytesMax: 256 * 1024 });
    await small.ensure();
    const text = "x".repeat(10_000);
    for (let i = 1; i <= 100; i++) small.publish(batch(i, text));
    await small.flush(5_000);
    assert.equal(small.losses.batches, 0);
    const got: control.LogBatch[] = [];
    const reader = stream(1, { streamBytesMax: 256 * 1024 }).tail({ runId: `run-${run}` }, (one) => got.push(one));
    await until(() => got.at(-1)?.lines[0]?.sequence === 100);
    assert.ok(got.length < 30 && got.length > 10, `${got.length} of 100 are left`);
    reader.close();
    await stream(0).ensure();
  });

  test("counts what does not fit in flight instead of keeping it all", async () => {
    const logs = stream(0, { inFlightMax: 5 });
    const taken = Array.from({ length: 20 }, (_, index) => logs.publish(batch(index + 1)));
    assert.equal(taken.filter((ok) => ok).length, 5);
    assert.deepEqual({ ...logs.losses }, { batches: 15, lines: 15 });
    await logs.flush(5_000);
  });

  test("keeps batches over a crash of NATS, and readers and writers go on behind it", async () => {
    const logs = stream(0);
    const [read, written]: control.LogBatch[][] = [[], []];
    const reader = stream(1).tail({ runId: `run-${run}` }, (one) => read!.push(one));
    const writer = stream(2).consume(ofThisRun(written!));
    logs.publish(batch(1));
    await until(() => read!.length === 1 && written!.length === 1);
    await nats.stop("SIGKILL");
    for (let i = 2; i <= RUN_LINES; i++) assert.equal(logs.publish(batch(i)), true);
    await nats.restart();
    await until(() => new Set(texts(read!)).size === RUN_LINES && new Set(texts(written!)).size === RUN_LINES);
    assert.equal(read!.length, RUN_LINES, "a reader saw a batch twice");
    assert.equal(logs.losses.batches, 0);
    reader.close();
    writer.close();
  });

  test("is made again when it is lost", async () => {
    const admin = await administrator();
    const written: control.LogBatch[] = [];
    const writer = stream(2).consume(ofThisRun(written));
    const logs = stream(0);
    logs.publish(batch(1));
    await until(() => written.length === 1);
    await admin.manager.streams.delete("LOGS");
    await admin.close();
    logs.publish(batch(2));
    await until(() => new Set(texts(written)).size === 2, 30_000);
    assert.equal(logs.losses.batches, 0);
    writer.close();
  });

  test("is made by who consumes it as soon as that can be done", async () => {
    const admin = await administrator();
    await admin.manager.streams.delete("LOGS");
    await admin.manager.streams.add({ name: "IN_THE_WAY", subjects: ["millrace.logs.>"] });
    const written: control.LogBatch[] = [];
    const writer = stream(2).consume(ofThisRun(written));
    await assert.rejects(stream(1).ensure(), { reason: "BUS_UNAVAILABLE" });
    await admin.manager.streams.delete("IN_THE_WAY");
    await admin.close();
    stream(0).publish(batch(1));
    await until(() => written.length > 0, 30_000);
    writer.close();
  });
});

/** Whoever may do anything with streams. */
async function administrator() {
  const { connect } = await import("@nats-io/transport-node");
  const { jetstreamManager } = await import("@nats-io/jetstream");
  const { url, user, password } = nats;
  const connection = await connect({ servers: url, user, pass: password });
  return { manager: await jetstreamManager(connection), close: () => connection.close() };
}
