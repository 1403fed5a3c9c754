import assert from "node:assert/strict";
import { connect, type ClientHttp2Stream } from "node:http2";
import { afterEach, describe, test } from "node:test";
import { Client, credentials, Metadata, status as GrpcStatus, type ServiceError } from "@grpc/grpc-js";
import { RunSubmitter } from "@millrace/cli";
import { apiKeyApi, control, runApi } from "@millrace/protocol";
import { fromServiceError } from "@millrace/rpc";
import { accept, deploy, gateways, house, houseOf, key, runsOf, useGateways } from "../harness/scripted-gateways.ts";
import { until } from "../harness/until.ts";

const RUNS_MAX = 8;
const STREAMS_MAX = 3;

useGateways({
  MILLRACE_WAITING_REQUESTS_MAX: "1000",
  MILLRACE_SUBMIT_TIMEOUT_MS: "60000",
  MILLRACE_SUBMIT_RESEND_MS: "5000",
  MILLRACE_REQUEST_BYTES_MAX: "2000000",
  MILLRACE_SUBMIT_STREAMS_MAX: String(STREAMS_MAX),
  MILLRACE_SUBMIT_STREAM_RUNS_MAX: String(RUNS_MAX),
  MILLRACE_SUBMIT_STREAM_BYTES_MAX: "100000",
  MILLRACE_GRPC_MESSAGE_BYTES_MAX: "200000",
});

type Result = runApi.RunSubmitResult;

/** A producer with a stream of its own, and what it has been told. */
class Producer {
  readonly call: ReturnType<ReturnType<typeof runsOf>["streamSubmitRuns"]>;
  readonly parent: string;
  readonly results: Result[] = [];
  /** How the stream has ended: undefined as long as it has not. */
  end: { code: number; reason: string } | undefined;

  constructor(parent: string, options: Parameters<typeof runsOf>[0] = {}) {
    this.parent = parent;
    this.call = runsOf(options).streamSubmitRuns();
    this.call.on("data", ({ results }: runApi.StreamSubmitRunsResponse) => void this.results.push(...results));
    this.call.on("error", (error: ServiceError) => {
      this.end = { code: error.code, reason: fromServiceError(error).reason };
    });
    this.call.on("status", ({ code }: { code: number }) => {
      if (code === GrpcStatus.OK) this.end = { code, reason: "" };
    });
  }

  send(tag: number, extra: Partial<runApi.StreamSubmitRunsRequest> = {}): boolean {
    const { parent } = this;
    const message = { tag, parent, eventJson: "{}", requestId: "", priority: undefined, traceparent: "", ...extra };
    return this.call.write(message);
  }

  refusals(): Record<number, string | undefined> {
    return Object.fromEntries(this.results.map(({ tag, refusal }) => [tag, refusal?.reason]));
  }

  ended(): Promise<unknown> {
    return until(() => this.end !== undefined);
  }
}

/** Workflows of the test that is under way. */
const own = new Set<string>();
afterEach(() => own.clear());

async function ownWorkflow(): Promise<string> {
  const { name } = (await deploy()).workflow;
  own.add(name);
  return name;
}

async function producer(options?: Parameters<typeof runsOf>[0]): Promise<Producer> {
  return new Producer(await ownWorkflow(), options);
}

/** Submits that the scripted owner has got and not answered, each once; what an earlier test has left under way is not among them. */
function holdSubmits(): control.Submit[] {
  const held: control.Submit[] = [];
  const seen = new Set<string>();
  house.onSubmit = (submit) => {
    if (!own.has(`workflows/${submit.spec!.workflowId}`)) accept(submit);
    else if (!seen.has(submit.runId)) held.push(submit);
    seen.add(submit.runId);
  };
  return held;
}

function acceptAll(held: control.Submit[]): number {
  const submits = held.splice(0);
  for (const submit of submits) accept(submit);
  return submits.length;
}

/** A stream without a library at its client, which would keep messages back by itself. */
function openRaw(): ClientHttp2Stream {
  const session = connect(`http://127.0.0.1:${gateways[0]!.grpcPort}`);
  session.on("error", () => {});
  const { path } = runApi.RunServiceService.streamSubmitRuns;
  const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
  const stream = session.request({ ...headers, authorization: `Bearer ${key}` });
  stream.on("error", () => {});
  stream.resume();
  return stream;
}

function framed(given: { tag: number; parent: string; eventJson: string }): Buffer {
  const message = { requestId: "", priority: undefined, traceparent: "", ...given };
  const bytes = runApi.StreamSubmitRunsRequest.encode(message).finish();
  const frame = Buffer.alloc(5 + bytes.length);
  frame.writeUInt32BE(bytes.length, 1);
  frame.set(bytes, 5);
  return frame;
}

describe("a stream of submits", () => {
  test("answers each message by its tag, refuses what is wrong with it alone, and ends when its client has", async () => {
    const traces: string[] = [];
    house.onSubmit = (submit) => {
      traces.push(submit.input!.traceId);
      const isFull = submit.input!.eventJson.toString() === '"full"';
      accept(submit, isFull ? control.SubmitOutcome.QUEUE_FULL : control.SubmitOutcome.ACCEPTED);
    };
    const one = await producer();
    one.send(7);
    one.send(0, { eventJson: '"full"' });
    one.send(4_294_967_295, { traceparent: `00-${"ab".repeat(16)}-${"cd".repeat(8)}-01` });
    one.send(1, { parent: "workflows/nobody" });
    one.send(2, { parent: "no name" });
    one.send(3, { eventJson: "{" });
    one.send(4, { priority: 1000 });
    one.send(5, { requestId: "ö" });
    one.call.end();
    await one.ended();
    assert.deepEqual(one.end, { code: GrpcStatus.OK, reason: "" });
    assert.deepEqual(one.refusals(), {
      ...{ 7: undefined, 4_294_967_295: undefined, 0: "QUEUE_FULL", 1: "WORKFLOW_NOT_FOUND" },
      ...{ 2: "INVALID_NAME", 3: "INVALID_EVENT", 4: "INVALID_PRIORITY", 5: "INVALID_REQUEST_ID" },
    });
    assert.equal(one.results.length, 8);
    const accepted = one.results.find(({ tag }) => tag === 7)!;
    assert.match(accepted.run, new RegExp(`^${one.parent}/runs/[0-9a-f-]{36}$`));
    const full = one.results.find(({ tag }) => tag === 0)!.refusal!;
    assert.deepEqual([full.code, full.retryDelay?.seconds], [GrpcStatus.RESOURCE_EXHAUSTED, 1]);
    assert.equal(traces.filter((trace) => trace === "ab".repeat(16)).length, 1);
    assert.equal(new Set(traces).size, 3);
  });

  test("says that a run is durable when its owner has, in whatever order that comes", async () => {
    const held = holdSubmits();
    const one = await producer();
    for (let tag = 1; tag <= 3; tag++) one.send(tag);
    await until(() => held.length === 3);
    assert.deepEqual(one.results, []);
    for (const submit of held.splice(0).reverse()) {
      const before = one.results.length;
      accept(submit);
      await until(() => one.results.length === before + 1);
    }
    assert.deepEqual(
      one.results.map(({ tag }) => tag),
      [3, 2, 1],
    );
    one.call.end();
    await one.ended();
  });

  test("takes so many runs at a time: what is further sent stays with its client until there is room", async () => {
    const held = holdSubmits();
    const parent = await ownWorkflow();
    const count = 400;
    const stream = openRaw();
    const eventJson = JSON.stringify("x".repeat(2_000));
    for (let tag = 1; tag <= count; tag++) stream.write(framed({ tag, parent, eventJson }));
    await until(() => held.length === RUNS_MAX);
    // Others come through on the same connection meanwhile; of this stream, HTTP/2 lets no more through than its window.
    for (let i = 0; i < 100; i++) await houseOf().getHouse({});
    assert.equal(held.length, RUNS_MAX);
    const sent = stream.session!.socket.bytesWritten / eventJson.length;
    assert.ok(sent < count / 2, `${sent} of ${count} messages have left their client`);
    let most = 0;
    let done = 0;
    await until(() => {
      most = Math.max(most, held.length);
      done += acceptAll(held);
      return done === count;
    });
    assert.ok(most <= RUNS_MAX, `${most} under way`);
    stream.session?.destroy();
  });

  test("takes so many bytes at a time, and one message more is in memory", async () => {
    const held = holdSubmits();
    const parent = await ownWorkflow();
    const stream = openRaw();
    const count = 40;
    const eventJson = JSON.stringify("x".repeat(60_000));
    for (let tag = 1; tag <= count; tag++) stream.write(framed({ tag, parent, eventJson }));
    await until(() => held.length === 2);
    for (let i = 0; i < 100; i++) await houseOf().getHouse({});
    assert.equal(held.length, 2);
    // Those that are under way, one or two behind them, and what is in the window.
    const sent = stream.session!.socket.bytesWritten / eventJson.length;
    assert.ok(sent < 8, `${sent} of ${count} messages have left their client`);
    let done = 0;
    await until(() => (done += acceptAll(held)) === count);
    stream.session?.destroy();
  });

  test("is not read from when its results are not read, and costs no more than that", async () => {
    let accepted = 0;
    house.onSubmit = (submit) => {
      accepted++;
      accept(submit);
    };
    const one = await producer();
    one.call.pause();
    const count = 20_000;
    for (let tag = 1; tag <= count; tag++) one.send(tag);
    let seen = 0;
    let sinceMs = performance.now();
    await until(() => {
      if (accepted !== seen) sinceMs = performance.now();
      seen = accepted;
      return accepted > RUNS_MAX && performance.now() - sinceMs > 1_000;
    });
    assert.ok(accepted < count / 2, `${accepted} of ${count} were taken`);
    one.call.cancel();
    await one.ended();
  });
});

describe("streams of submits", () => {
  test("are so many, and one that is reset gives its place back", async () => {
    const held = holdSubmits();
    const all = await Promise.all(Array.from({ length: STREAMS_MAX }, () => producer()));
    for (const one of all) one.send(1);
    await until(() => held.length === STREAMS_MAX);
    const late = await producer();
    late.send(1);
    await late.ended();
    assert.deepEqual(late.end, { code: GrpcStatus.RESOURCE_EXHAUSTED, reason: "TOO_MANY_SUBMIT_STREAMS" });
    all[0]!.call.cancel();
    // What it has handed in goes on without it.
    await until(async () => {
      const next = await producer();
      next.call.end();
      await next.ended();
      return next.end?.code === GrpcStatus.OK;
    });
    assert.equal(acceptAll(held), STREAMS_MAX);
    for (const one of all.slice(1)) one.call.end();
    await Promise.all(all.slice(1).map((one) => one.ended()));
    assert.deepEqual(
      all.map(({ results }) => results.length),
      [0, 1, 1],
    );
  });

  test("want a key, and end when it is revoked: nothing that comes behind that is taken", async () => {
    const nobody = await producer({ token: "wrong" });
    nobody.send(1);
    await nobody.ended();
    assert.equal(nobody.end?.code, GrpcStatus.UNAUTHENTICATED);
    const keys = house.client(apiKeyApi.ApiKeyServiceService);
    const made = await keys.createApiKey({ displayName: "producer" });
    const held = holdSubmits();
    const one = await producer({ token: made.key });
    one.send(1);
    await until(() => held.length === 1);
    await keys.revokeApiKey({ name: made.name });
    one.send(2);
    await until(() => one.results.length === 1);
    assert.deepEqual(one.refusals(), { 2: "API_KEY_INVALID" });
    // What was taken while the key held is still answered.
    assert.equal(acceptAll(held), 1);
    await one.ended();
    assert.deepEqual(one.end, { code: GrpcStatus.UNAUTHENTICATED, reason: "API_KEY_INVALID" });
    assert.deepEqual(one.refusals(), { 1: undefined, 2: "API_KEY_INVALID" });
  });

  test("end with what is no message or too large, behind the results of what was taken", async () => {
    const held = holdSubmits();
    const parent = await ownWorkflow();
    const raw = new Client(`127.0.0.1:${gateways[0]!.grpcPort}`, credentials.createInsecure());
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${key}`);
    const { path, responseDeserialize } = runApi.RunServiceService.streamSubmitRuns;
    const call = raw.makeBidiStreamRequest(path, (bytes: Buffer) => bytes, responseDeserialize, metadata);
    const results: Result[] = [];
    call.on("data", (message: runApi.StreamSubmitRunsResponse) => void results.push(...message.results));
    const failed = new Promise<ServiceError>((resolve) => call.on("error", resolve));
    const rest = { eventJson: "", requestId: "", priority: undefined, traceparent: "" };
    const message = { tag: 5, parent, ...rest };
    call.write(Buffer.from(runApi.StreamSubmitRunsRequest.encode(message).finish()));
    call.write(Buffer.from([0xff, 0xff]));
    await until(() => held.length === 1);
    acceptAll(held);
    const { code } = await failed;
    assert.equal(code, GrpcStatus.INVALID_ARGUMENT);
    assert.deepEqual(
      results.map(({ tag, refusal }) => [tag, refusal]),
      [[5, undefined]],
    );
    raw.close();
    const large = await producer();
    large.send(1, { eventJson: JSON.stringify("x".repeat(200_000)) });
    await large.ended();
    assert.equal(large.end?.code, GrpcStatus.RESOURCE_EXHAUSTED);
  });

  test("are drained by a gateway that stops: what was taken is answered, then another gateway is named", async () => {
    const stopping = await house.start("gateway-stopping");
    house.gateways.push(stopping);
    const gateway = house.gateways.length - 1;
    const held = holdSubmits();
    const one = await producer({ gateway });
    const submitter = new RunSubmitter(runsOf({ gateway }), { deadlineMs: 2_000 });
    one.send(1);
    await until(() => held.length === 1);
    const drained = stopping.drain();
    one.send(2);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(one.end, undefined);
    acceptAll(held);
    await one.ended();
    assert.deepEqual(one.end, { code: GrpcStatus.UNAVAILABLE, reason: "GATEWAY_STOPPING" });
    assert.equal(one.refusals()[1], undefined);
    await drained;
    house.gateways.pop();
    await assert.rejects(submitter.submit({ parent: one.parent }), { reason: "SUBMIT_UNACKNOWLEDGED" });
    submitter.close();
  });
});
