import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PlatformError } from "@millrace/core";
import type { control, session } from "@millrace/protocol";
import { CallRelay } from "./call-relay.ts";

type Answer = (request: control.CallRequest) => Partial<control.CallResponse>;

const call: session.HostCall = {
  assignment: { runId: "r1", number: 1 },
  path: "steps/0",
  number: 4,
  execution: 1,
  method: "store.read",
  requestJson: Buffer.from("{}"),
  body: Buffer.from("data"),
};

function relay(answers: Answer[], callsPerSecond = 1000) {
  const asked: control.CallRequest[] = [];
  const waits: number[] = [];
  const question = {
    request: async (request: control.CallRequest, { timeoutMs }: { timeoutMs: number }) => {
      asked.push(request);
      waits.push(timeoutMs);
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
      const empty = { responseJson: Buffer.from("1"), body: Buffer.alloc(0), error: undefined, secrets: [] };
      return { ...empty, ...answer(request) };
    },
  };
  const made = new CallRelay({ question, tryMs: 100, timeoutMs: 400, callsPerSecond });
  return { asked, waits, ask: (run = held(), given = call) => made.ask(run, given) };
}

function held(isHeld = () => true, secrets: string[] = []) {
  return {
    runToken: "token",
    held: isHeld,
    answering: undefined,
    onSecrets: (more: readonly string[]) => void secrets.push(...more),
  };
}

const fail =
  (kind: ConstructorParameters<typeof PlatformError>[0], reason: string): Answer =>
  () => {
    throw new PlatformError(kind, reason, `because of ${reason}`);
  };

describe("a call on its way to a gateway", () => {
  it("carries the run's token, and brings the answer under its path and number", async () => {
    const { asked, ask } = relay([() => ({ responseJson: Buffer.from('{"a":1}'), body: Buffer.from("x") })]);
    const result = await ask();
    assert.deepEqual([asked[0]!.runToken, asked[0]!.number, asked[0]!.method], ["token", 4, "store.read"]);
    assert.deepEqual(
      [result.path, result.number, result.responseJson.toString(), result.body.toString(), result.error],
      ["steps/0", 4, '{"a":1}', "x", undefined],
    );
  });

  it("is sent again as long as what failed may pass", async () => {
    const passing = [
      fail("Unavailable", "BUS_NO_RESPONDERS"),
      fail("DeadlineExceeded", "BUS_TIMEOUT"),
      fail("Unavailable", "DATABASE_UNAVAILABLE"),
    ];
    const { asked, ask } = relay([...passing, () => ({})]);
    assert.equal((await ask()).error, undefined);
    assert.equal(asked.length, 4);
    assert.equal(new Set(asked.map(({ number, path, execution }) => `${path} ${execution} ${number}`)).size, 1);
  });

  it("is sent again later when a copy would do it all again, as with mail", async () => {
    const { waits, ask } = relay([() => ({})]);
    await ask();
    await ask(held(), { ...call, method: "email.send" });
    assert.deepEqual(waits, [100, 200]);
  });

  it("fails for good with Python's exception for it", async () => {
    const kinds = { InvalidArgument: "ValueError", NotFound: "KeyError", PermissionDenied: "PermissionError" } as const;
    for (const [kind, type] of Object.entries(kinds)) {
      const { asked, ask } = relay([fail(kind as keyof typeof kinds, "NO")]);
      assert.deepEqual((await ask()).error, { type, reason: "NO", message: "because of NO" });
      assert.equal(asked.length, 1);
    }
    const { ask } = relay([fail("ResourceExhausted", "STORE_FULL")]);
    assert.equal((await ask()).error?.type, "PlatformError");
  });

  it("is given up when its time is over, or when the run is gone", async () => {
    const late = relay([fail("DeadlineExceeded", "BUS_TIMEOUT")]);
    assert.equal((await late.ask()).error?.type, "TimeoutError");
    assert.ok(late.asked.length > 2);
    const gone = relay([fail("Unavailable", "BUS_NO_RESPONDERS")]);
    assert.equal((await gone.ask(held(() => false))).error?.reason, "BUS_NO_RESPONDERS");
    assert.equal(gone.asked.length, 1);
  });

  it("tells what must be kept out of logs before the answer goes on", async () => {
    const secrets: string[] = [];
    await relay([() => ({ secrets: ["hidden-token"] })]).ask(held(() => true, secrets));
    assert.deepEqual(secrets, ["hidden-token"]);
  });

  it("waits when its run asks faster than the rate, beyond a second's worth", async () => {
    const { asked, ask } = relay([() => ({})], 20);
    const run = held();
    const startedMs = performance.now();
    let isOver = false;
    const all = Promise.all(Array.from({ length: 24 }, () => ask(run))).then(() => (isOver = true));
    await ask(held());
    assert.equal(isOver, false, "another run has a rate of its own");
    await all;
    assert.equal(asked.length, 25);
    assert.ok(performance.now() - startedMs > 100, "four calls beyond twenty take a fifth of a second");
  });
});
