import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, it } from "node:test";
import { PlatformError } from "@millrace/core";
import type { runApi } from "@millrace/protocol";
import type { Logger } from "@millrace/telemetry";
import { ByteBudget } from "../http/byte-budget.ts";
import type { ApiCaller, ApiContext } from "./api-caller.ts";
import { ReaderGate } from "./reader-gate.ts";
import { SubmitStream, type SubmitStreamOptions } from "./submit-stream.ts";

const KEY: ApiCaller = { projectId: "p", apiKeyId: "k" };
const SESSION = { ...KEY, session: {} } as ApiCaller;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** The call as the stream sees it. Messages come in as a test says, also while it is paused: the transport has had them. */
class FakeCall extends EventEmitter {
  isPaused = false;
  isEnded = false;
  readonly messages: runApi.StreamSubmitRunsResponse[] = [];
  /** A client that reads nothing has a transport that takes nothing. */
  reads = true;
  readonly #untaken: (() => void)[] = [];

  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  write(message: runApi.StreamSubmitRunsResponse, taken: () => void): void {
    this.messages.push(message);
    if (this.reads) taken();
    else this.#untaken.push(taken);
  }
  end(): void {
    this.isEnded = true;
  }
  takeAll(): void {
    for (const taken of this.#untaken.splice(0)) taken();
  }
  send(tag: number, eventJson = "{}"): void {
    this.emit("data", { tag, parent: "workflows/w", eventJson, requestId: "", priority: undefined, traceparent: "" });
  }
  get tags(): number[] {
    return this.messages.flatMap(({ results }) => results.map(({ tag }) => tag));
  }
}

function open(overrides: Partial<SubmitStreamOptions> = {}, principal = KEY) {
  const waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const gone = new AbortController();
  const call = new FakeCall();
  const gate = new ReaderGate(1);
  const cache = { generation: 1 };
  const logged: string[] = [];
  const create: SubmitStreamOptions["starter"]["create"] = () =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve: () => resolve({ runId: "r", workflowId: "w", accepted: undefined }), reject });
    });
  const options: SubmitStreamOptions = {
    ...{ starter: { create }, cache, gate, budget: new ByteBudget(1_000), authenticate: () => principal },
    limits: { runsMax: 3, bytesMax: 100, idleMs: 10_000 },
    log: { error: (event: string) => void logged.push(event) } as unknown as Logger,
    ...overrides,
  };
  const context = { principal, requestId: "request-1", method: "m", signal: gone.signal } as ApiContext;
  const served = new SubmitStream(call, context, options).serve();
  served.catch(() => {});
  return { call, waiting, gone, gate, cache, served, logged };
}

describe("a stream of submits", () => {
  it("sends the results of one turn together, and counts a run until the transport has taken its result", async () => {
    const { call, waiting, served } = open();
    call.reads = false;
    for (const tag of [1, 2, 3]) call.send(tag);
    assert.ok(call.isPaused);
    await turn();
    for (const { resolve } of waiting) resolve();
    await turn();
    await turn();
    assert.deepEqual([call.messages.length, call.tags, call.isPaused], [1, [1, 2, 3], true]);
    call.takeAll();
    assert.ok(!call.isPaused);
    call.emit("end");
    await served;
    assert.ok(call.isEnded);
  });

  it("waits for bytes, and refuses what the gateway has no room for", async () => {
    const { call, waiting } = open({ limits: { runsMax: 10, bytesMax: 500, idleMs: 10_000 } });
    call.send(1, "x".repeat(400));
    assert.ok(!call.isPaused);
    // One that is larger than all that there may be goes alone.
    call.send(2, "x".repeat(700));
    assert.ok(call.isPaused);
    await turn();
    await turn();
    assert.deepEqual(call.messages[0]?.results[0]?.refusal?.reason, "GATEWAY_BUSY");
    assert.ok(!call.isPaused);
    waiting[0]!.resolve();
    await turn();
    await turn();
    assert.deepEqual(call.tags, [2, 1]);
  });

  it("tells nothing of our insides, and logs them", async () => {
    const { call, waiting, logged } = open();
    call.send(1);
    await turn();
    waiting[0]!.reject(new TypeError("an insider's text"));
    await turn();
    await turn();
    const { refusal } = call.messages[0]!.results[0]!;
    assert.match(refusal!.message, /request-1/);
    assert.ok(!JSON.stringify(refusal).includes("insider"));
    assert.deepEqual(logged, ["rpc.failed"]);
  });

  it("ends when nothing moves, also with results that nobody reads, and writes no more then", async (context) => {
    context.mock.timers.enable({ apis: ["setInterval"] });
    const { call, waiting, served } = open({ limits: { runsMax: 3, bytesMax: 100, idleMs: 20 } });
    call.reads = false;
    call.send(1);
    call.send(2);
    await turn();
    waiting[0]!.resolve();
    await turn();
    await turn();
    context.mock.timers.tick(20);
    call.send(3);
    context.mock.timers.tick(20);
    assert.ok(!call.isEnded);
    context.mock.timers.tick(20);
    await assert.rejects(served, { kind: "Unavailable", reason: "STREAM_IDLE" });
    waiting[1]!.resolve();
    await turn();
    await turn();
    assert.deepEqual(call.tags, [1]);
    call.send(4);
    await turn();
    assert.equal(waiting.length, 3);
  });

  it("leaves with its client at once, and with its gateway when what was read is answered", async () => {
    const left = open();
    left.call.send(1);
    left.gone.abort(new PlatformError("Cancelled", "CALL_CANCELLED", "the caller is gone"));
    await assert.rejects(left.served, { reason: "CALL_CANCELLED" });
    const stopped = open();
    stopped.call.send(1);
    await turn();
    stopped.gate.close();
    stopped.call.send(2);
    assert.ok(stopped.call.isPaused);
    await turn();
    assert.equal(stopped.waiting.length, 1);
    stopped.waiting[0]!.resolve();
    await assert.rejects(stopped.served, { kind: "Unavailable", reason: "GATEWAY_STOPPING" });
    assert.deepEqual(stopped.call.tags, [1]);
  });

  it("asks again who calls when definitions have changed, not for each message", async () => {
    let asked = 0;
    let outcome: () => ApiCaller | Promise<ApiCaller> = () => KEY;
    const authenticate = (): ApiCaller | Promise<ApiCaller> => {
      asked++;
      return outcome();
    };
    const { call, cache, waiting, served } = open({ authenticate });
    call.send(1);
    await turn();
    assert.equal(asked, 0);
    cache.generation++;
    call.send(2);
    await turn();
    assert.deepEqual([asked, waiting.length], [1, 2]);
    // A database that does not answer says nothing about the caller.
    outcome = () => Promise.reject(new PlatformError("Unavailable", "DATABASE_UNAVAILABLE", "away"));
    cache.generation++;
    call.send(3);
    await turn();
    await turn();
    assert.equal(call.messages.at(-1)?.results[0]?.refusal?.reason, "DATABASE_UNAVAILABLE");
    outcome = () => Promise.reject(new PlatformError("Unauthenticated", "API_KEY_INVALID", "revoked"));
    call.send(4);
    await turn();
    await turn();
    assert.equal(call.messages.at(-1)?.results[0]?.refusal?.reason, "API_KEY_INVALID");
    call.send(5);
    await turn();
    assert.equal(waiting.length, 2);
    for (const { resolve } of waiting) resolve();
    await assert.rejects(served, { kind: "Unauthenticated", reason: "API_KEY_INVALID" });
    assert.deepEqual(call.tags.toSorted(), [1, 2, 3, 4]);
  });

  it("asks for a session's row once a second, as long as something comes", async (context) => {
    context.mock.timers.enable({ apis: ["setInterval"] });
    let nowMs = 0;
    context.mock.method(performance, "now", () => nowMs);
    let asked = 0;
    const authenticate = (): Promise<ApiCaller> => {
      asked++;
      return Promise.resolve(SESSION);
    };
    const { call } = open({ authenticate, limits: { runsMax: 10, bytesMax: 100, idleMs: 10_000 } }, SESSION);
    for (nowMs = 0; nowMs <= 2_600; nowMs += 400) {
      call.send(nowMs);
      await turn();
    }
    assert.equal(asked, 2);
  });
});
