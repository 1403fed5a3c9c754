import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, it } from "node:test";
import { encodeRunToken, PlatformError } from "@millrace/core";
import type { RunFence } from "../services/run-fence.ts";
import { HostCalls, type CallHandler } from "./host-calls.ts";

const mac = (data: Uint8Array): Uint8Array => createHmac("sha256", "key").update(data).digest();
const claims = {
  projectId: "p1",
  workflowId: "w1",
  versionId: "v1",
  runId: "r1",
  assignment: 2,
  runner: "runner-1",
  expiresAtMs: Date.now() + 60_000,
};

const noFence: Pick<RunFence, "assertCurrent"> = { assertCurrent: async () => {} };

function open(handlers: Record<string, CallHandler>, callsMax = 100, fence = noFence): HostCalls {
  const calls = new HostCalls({
    mac,
    fence,
    callsMax,
    channels: {
      call: () => assert.fail("nothing is listened to"),
      callOf: () => assert.fail("nothing is listened to"),
    },
    gateway: "g1",
  });
  calls.register(handlers);
  return calls;
}

function ask(
  calls: HostCalls,
  given: { number?: number; method?: string; text?: string; runId?: string; token?: string; path?: string } = {},
) {
  const { number = 1, method = "test.echo", text = "{}", runId = "r1", path = "steps/0" } = given;
  const request = {
    runToken: given.token ?? encodeRunToken({ ...claims, runId }, mac),
    path,
    execution: 1,
    number,
    method,
    requestJson: Buffer.from(text),
    body: Buffer.from("body"),
  };
  return calls.answer(request, claims.runner);
}

const refused = (reason: string) => (thrown: unknown) => thrown instanceof PlatformError && thrown.reason === reason;

const echo: CallHandler = async ({ projectId }, { request, body, ...call }) => ({
  response: { projectId, request, call },
  body,
});

/** A handler that counts and waits until it is let go. */
function held() {
  const gate = Promise.withResolvers<void>();
  const seen: number[] = [];
  const handler: CallHandler = async (_, { number }) => {
    seen.push(number);
    await gate.promise;
    return { response: number };
  };
  return { handler, seen, release: () => gate.resolve() };
}

describe("calls of user code", () => {
  it("reach the handler of their method with the claims of the token and nothing else", async () => {
    const { responseJson, body } = await ask(open({ "test.echo": echo }), { number: 7, text: '{"project":"p2"}' });
    assert.deepEqual(JSON.parse(responseJson.toString()), {
      projectId: "p1",
      request: { project: "p2" },
      call: { path: "steps/0", execution: 1, number: 7 },
    });
    assert.equal(body.toString(), "body");
  });

  it("belong to the execution that their address says, whatever user code says", async () => {
    const { responseJson } = await ask(open({ "test.echo": echo }), { path: "steps/0/runs/3" });
    const { call } = JSON.parse(responseJson.toString()) as { call: object };
    assert.deepEqual(call, { path: "steps/0/runs/3", execution: 3, number: 1 });
    await assert.rejects(ask(open({ "test.echo": echo }), { path: "steps" }), refused("INVALID_STEP_PATH"));
  });

  it("are refused without a token of this house, without a handler, or when they make no sense", async () => {
    const calls = open({ "test.echo": echo });
    const forged = encodeRunToken({ ...claims, projectId: "p2" }, () => Buffer.alloc(32));
    await assert.rejects(ask(calls, { token: forged }), refused("RUN_TOKEN_INVALID"));
    await assert.rejects(ask(calls, { method: "test.other" }), refused("METHOD_NOT_FOUND"));
    await assert.rejects(ask(calls, { method: "constructor" }), refused("METHOD_NOT_FOUND"));
    await assert.rejects(ask(calls, { text: "{" }), refused("CALL_NOT_JSON"));
    await assert.rejects(ask(calls, { text: `"${"x".repeat(256 * 1024)}"` }), refused("CALL_TOO_LARGE"));
  });

  it("share the outcome when a second copy comes before the first is answered", async () => {
    const { handler, seen, release } = held();
    const calls = open({ "test.echo": handler });
    const copies = [ask(calls), ask(calls), ask(calls, { number: 2 }), ask(calls, { runId: "r2" })];
    release();
    const answers = await Promise.all(copies);
    assert.deepEqual(
      answers.map(({ responseJson }) => responseJson.toString()),
      ["1", "1", "2", "1"],
    );
    assert.deepEqual(seen, [1, 2, 1]);
    await ask(calls);
    assert.deepEqual(seen, [1, 2, 1, 1], "behind the answer a copy is the handler's to recognise");
  });

  it("end an answer in pieces only when the record has their assignment as the current one at that very time", async () => {
    const asked: [string, boolean][] = [];
    let method = "";
    const fence: typeof noFence = { assertCurrent: async (_, sure) => void asked.push([method, sure === true]) };
    const methods = ["respond.open", "respond.write", "respond.end", "respond.cut"];
    const calls = open(Object.fromEntries(methods.map((name) => [name, echo])), 100, fence);
    for (method of methods) await ask(calls, { method });
    assert.deepEqual(asked, [
      ["respond.open", true],
      ["respond.write", false],
      ["respond.end", true],
      ["respond.cut", false],
    ]);
  });

  it("are bounded in each run and in all", async () => {
    const { handler, seen, release } = held();
    const calls = open({ "test.echo": handler }, 33);
    const many = Array.from({ length: 32 }, (_, number) => ask(calls, { number: number + 1 }));
    await assert.rejects(ask(calls, { number: 33 }), refused("TOO_MANY_CALLS"));
    const other = ask(calls, { runId: "r2" });
    await assert.rejects(ask(calls, { runId: "r3" }), refused("TOO_MANY_CALLS"));
    release();
    await Promise.all([...many, other]);
    await ask(calls, { number: 33 });
    assert.equal(seen.length, 34);
  });
});
