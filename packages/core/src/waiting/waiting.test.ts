import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { PlatformError } from "../errors.ts";
import type { Accepted, Release, Resume, Resumed, Submit } from "../messages.ts";
import type { StepResponse } from "../run/step-result.ts";
import { Waiting, WAITING_DEFAULT, type RunListener } from "./waiting.ts";

const owner = { scheduler: "s", partition: 1, epoch: 1 };
let nowMs: number;
let sent: string[];
let asked: string[];
let told: string[];

beforeEach(() => {
  nowMs = 0;
  sent = [];
  asked = [];
  told = [];
});

function desk(settings: Partial<typeof WAITING_DEFAULT> = {}): Waiting {
  return new Waiting(
    {
      nowMs: () => nowMs,
      submit: ({ runId }) => void sent.push(runId),
      cancel: ({ runId }) => void sent.push(`cancel ${runId}`),
      resume: ({ requestId }) => void sent.push(`resume ${requestId}`),
      read: (runIds) => void asked.push(...runIds),
    },
    { ...WAITING_DEFAULT, ...settings },
  );
}

function submit(runId: string, wants: { answer?: boolean; end?: boolean } = {}): Submit {
  return {
    ...{ partition: 1, runId, priority: 0, idempotencyKey: "", gateway: "g" },
    ...{ spec: {} as Submit["spec"], input: {} as Submit["input"] },
    ...{ wantsAnswer: wants.answer ?? false, wantsEnd: wants.end ?? false },
  };
}

function listener(name: string): RunListener {
  return {
    accepted: (runId) => void told.push(`${name} accepted ${runId}`),
    turnedAway: (why) => void told.push(`${name} turned away ${why}`),
    answer: ({ body }) => void told.push(`${name} answer ${Buffer.from(body).toString()}`),
    ended: (state) => void told.push(`${name} ended ${state}`),
  };
}

function accepted(runId: string, actualRunId = runId): Accepted {
  return { owner, runId, actualRunId, outcome: "ACCEPTED" };
}

function released(runId: string, text: string): Release {
  return { owner, runId, path: "steps/0", executionId: "e", response: response(text), busyMs: 3 };
}

function response(text: string): StepResponse {
  return { status: 200, headers: [], body: Buffer.from(text), immediate: false };
}

const handing = { partition: 1, runId: "a", assignment: 1 };

const resume = (requestId: string): Resume => ({
  ...{ partition: 1, runId: "a", path: "steps/0", requestId, gateway: "g", action: "RESUME", reason: "" },
  dataJson: new Uint8Array(),
});

describe("Waiting for what becomes of a pause", () => {
  it("repeats a request until its owner has said what became of it, and no longer than its caller waits", () => {
    const waiting = desk();
    const done = (outcome: Resumed | "TIMEOUT") => void told.push(outcome === "TIMEOUT" ? outcome : outcome.outcome);
    waiting.resume(resume("r1"), 10_000, done);
    waiting.resume(resume("r2"), 1000, done);
    nowMs = 600;
    waiting.onTick();
    waiting.onResumed({ owner, runId: "a", requestId: "r1", outcome: "DONE", state: "PENDING" });
    waiting.onResumed({ owner, runId: "a", requestId: "r1", outcome: "OVER", state: "PENDING" });
    nowMs = 1200;
    waiting.onTick();
    assert.deepEqual(sent, ["resume r1", "resume r2", "resume r1", "resume r2"]);
    assert.deepEqual([told, waiting.size], [["DONE", "TIMEOUT"], 0]);
  });

  it("tells everybody at once that nothing can be acknowledged, and waits on for what was accepted", () => {
    const waiting = desk();
    waiting.resume(resume("r1"), 10_000, (outcome) => void told.push(`resume ${String(outcome)}`));
    waiting.submit(submit("a", { end: true }), 10_000, listener("x"));
    waiting.submit(submit("b"), 10_000, listener("y"));
    waiting.onAccepted(accepted("a"));
    waiting.expire();
    assert.deepEqual(told, ["x accepted a", "y turned away TIMEOUT", "resume TIMEOUT"]);
    assert.equal(waiting.size, 1);
  });

  it("does not keep what cannot be sent at all", () => {
    let tooLarge = true;
    const send = (): void => {
      if (tooLarge) throw new PlatformError("InvalidArgument", "PAYLOAD_TOO_LARGE", "too large");
    };
    const waiting = new Waiting({
      nowMs: () => nowMs,
      submit: send,
      cancel: send,
      resume: send,
      read: () => undefined,
    });
    const done = (outcome: Resumed | "TIMEOUT") => void told.push(outcome === "TIMEOUT" ? outcome : outcome.outcome);
    const reason = { reason: "PAYLOAD_TOO_LARGE" };
    assert.throws(() => waiting.resume(resume("r1"), 10_000, done), reason);
    assert.throws(() => waiting.submit(submit("a"), 10_000, listener("x")), reason);
    assert.equal(waiting.size, 0);
    tooLarge = false;
    waiting.resume(resume("r2"), 10_000, done);
    tooLarge = true;
    assert.throws(() => waiting.resume(resume("r2"), 10_000, done), reason);
    waiting.onResumed({ owner, runId: "a", requestId: "r2", outcome: "DONE", state: "PENDING" });
    assert.deepEqual([waiting.size, told], [0, ["DONE"]]);
  });

  it("tells who waits for an answer that the run has paused, also when only the record says so", () => {
    const waiting = desk();
    for (const runId of ["a", "b", "c"]) {
      waiting.submit(submit(runId, runId === "c" ? { end: true } : { answer: true }), 10_000, listener(runId));
      waiting.onAccepted(accepted(runId));
    }
    told = [];
    waiting.onEnded({ owner, runId: "a", state: "SUSPENDED", responsePath: "", busyMs: 0 });
    waiting.onRead("b", { state: "SUSPENDED", response: undefined });
    waiting.onRead("c", { state: "SUSPENDED", response: undefined });
    assert.deepEqual([told, waiting.size], [["a ended SUSPENDED", "b ended SUSPENDED"], 1]);
  });
});

describe("Waiting", () => {
  it("repeats a submit until it is acknowledged and then has nothing left to do", () => {
    const waiting = desk();
    waiting.submit(submit("a"), 10_000, listener("x"));
    nowMs = 599;
    waiting.onTick();
    nowMs = 600;
    waiting.onTick();
    assert.deepEqual(sent, ["a", "a"]);
    waiting.onAccepted(accepted("a"));
    waiting.onAccepted(accepted("a"));
    assert.deepEqual(told, ["x accepted a"]);
    assert.equal(waiting.size, 0);
  });

  it("gives up on a submit that nobody acknowledges", () => {
    const waiting = desk();
    waiting.submit(submit("a"), 1_000, listener("x"));
    nowMs = 1_000;
    waiting.onTick();
    assert.deepEqual(told, ["x turned away TIMEOUT"]);
    assert.equal(waiting.size, 0);
  });

  it("passes on only the answer of the execution that was committed", () => {
    const waiting = desk();
    waiting.submit(submit("a", { answer: true }), 10_000, listener("x"));
    waiting.onAccepted(accepted("a"));
    waiting.onReassigned({ owner, runId: "a", assignment: 2 });
    waiting.onAnswer({
      handing,
      path: "steps/0",
      response: response("immediate, of an earlier assignment"),
      busyMs: 1,
    });
    assert.deepEqual(told, ["x accepted a"]);
    waiting.onRelease(released("a", "kept"));
    waiting.onRelease(released("a", "kept"));
    assert.deepEqual(told, ["x accepted a", "x answer kept"]);
    assert.equal(waiting.size, 0);
  });

  it("takes an answer for the acknowledgement of its submit", () => {
    const waiting = desk();
    waiting.submit(submit("a", { answer: true }), 10_000, listener("x"));
    waiting.onRelease(released("a", "answer"));
    assert.deepEqual(told, ["x accepted a", "x answer answer"]);
    nowMs = 600;
    waiting.onTick();
    assert.deepEqual(sent, ["a"]);
    assert.equal(waiting.size, 0);
  });

  it("reads the record for an answer that was lost, a second after the submit", () => {
    const waiting = desk();
    waiting.submit(submit("a", { answer: true }), 10_000, listener("x"));
    nowMs = 700;
    waiting.onAccepted(accepted("a"));
    nowMs = 1_000;
    waiting.onTick();
    assert.deepEqual(asked, ["a"]);
    waiting.onRead("a", { state: "SUCCEEDED", response: response("kept") });
    assert.deepEqual(told.slice(1), ["x answer kept"]);
  });

  it("ignores what an earlier owner says", () => {
    const waiting = desk();
    waiting.submit(submit("a", { answer: true }), 10_000, listener("x"));
    waiting.onAccepted({ ...accepted("a"), owner: { ...owner, epoch: 2 } });
    waiting.onEnded({ owner, runId: "a", state: "SUCCEEDED", responsePath: "", busyMs: 0 });
    assert.deepEqual(told, ["x accepted a"]);
  });

  it("lets a caller that waits go on waiting when another one repeats its key without waiting", () => {
    const waiting = desk();
    waiting.submit(submit("a", { end: true }), 10_000, listener("x"));
    waiting.onAccepted(accepted("a"));
    waiting.submit(submit("b"), 10_000, listener("y"));
    waiting.onAccepted(accepted("b", "a"));
    waiting.onEnded({ owner, runId: "a", state: "SUCCEEDED", responsePath: "", busyMs: 0 });
    assert.deepEqual(told, ["x accepted a", "y accepted a", "x ended SUCCEEDED"]);
    assert.equal(waiting.size, 0);
  });

  it("tells both callers of the same key about the end", () => {
    const waiting = desk();
    waiting.submit(submit("a", { end: true }), 10_000, listener("x"));
    waiting.onAccepted(accepted("a"));
    waiting.submit(submit("b", { end: true }), 10_000, listener("y"));
    waiting.onAccepted(accepted("b", "a"));
    waiting.onTick();
    assert.deepEqual(asked, []);
    waiting.onEnded({ owner, runId: "a", state: "FAILED", responsePath: "", busyMs: 0 });
    assert.deepEqual(told, ["x accepted a", "y accepted a", "x ended FAILED", "y ended FAILED"]);
  });

  it("goes on for one caller of a key when the other one has gone, whoever came first", () => {
    for (const gone of ["x", "y"]) {
      told = [];
      const waiting = desk();
      const callers = new Map(["x", "y"].map((name) => [name, listener(name)]));
      waiting.submit(submit("a", { end: true }), 10_000, callers.get("x")!);
      waiting.onAccepted(accepted("a"));
      waiting.submit(submit("b", { end: true }), 10_000, callers.get("y")!);
      waiting.onAccepted(accepted("b", "a"));
      waiting.forget("a", callers.get(gone)!);
      assert.equal(waiting.size, 1);
      waiting.onEnded({ owner, runId: "a", state: "SUCCEEDED", responsePath: "", busyMs: 0 });
      const left = gone === "x" ? "y" : "x";
      assert.deepEqual(told, ["x accepted a", "y accepted a", `${left} ended SUCCEEDED`]);
      assert.equal(waiting.size, 0);
    }
  });

  it("tells each caller of a key what that one wants", () => {
    const waiting = desk();
    waiting.submit(submit("a", { end: true }), 10_000, listener("x"));
    waiting.submit(submit("b", { answer: true }), 10_000, listener("y"));
    waiting.onAccepted(accepted("b", "a"));
    waiting.onAccepted(accepted("a"));
    waiting.onRelease(released("a", "hello"));
    waiting.onEnded({ owner, runId: "a", state: "SUCCEEDED", responsePath: "steps/0", busyMs: 0 });
    assert.deepEqual(told, ["y accepted a", "x accepted a", "y answer hello", "x ended SUCCEEDED"]);
    assert.equal(waiting.size, 0);
  });

  it("keeps both who submit the very same run", () => {
    const waiting = desk();
    for (const name of ["x", "y"]) waiting.submit(submit("a"), 10_000, listener(name));
    assert.equal(waiting.size, 2);
    waiting.onAccepted(accepted("a"));
    assert.deepEqual(told, ["x accepted a", "y accepted a"]);
    assert.equal(waiting.size, 0);
  });

  it("reads from the record an answer that is too large for a message", () => {
    const waiting = desk();
    waiting.submit(submit("a", { answer: true }), 10_000, listener("x"));
    waiting.onRelease({ ...released("a", ""), response: undefined });
    assert.deepEqual(asked, ["a"]);
    waiting.onRead("a", { state: "RUNNING", response: response("longer") });
    assert.deepEqual(told, ["x accepted a", "x answer longer"]);
  });

  it("refuses more callers than it has room for", () => {
    const waiting = desk({ entriesMax: 1 });
    waiting.submit(submit("a"), 10_000, listener("x"));
    assert.throws(() => waiting.submit(submit("b"), 10_000, listener("y")), { reason: "GATEWAY_BUSY" });
  });

  it("keeps whoever gets a streamed answer until it is over, and cuts it when nobody will send the rest", () => {
    const cut: string[] = [];
    const streamOf = (runId: string) => ({ cut: () => void cut.push(runId) });
    const begin = (waiting: Waiting, runId: string, assignment = 1) =>
      waiting.onStream({ runId, assignment }, streamOf(runId));
    const waiting = desk();
    for (const runId of ["a", "b", "c", "d"]) {
      const streaming = { ...listener(runId), stream: () => void told.push(`${runId} stream`) };
      waiting.submit(submit(runId, { answer: true }), 10_000, streaming);
    }
    // What only an accepted run sends says that it was accepted.
    assert.equal(begin(waiting, "a"), true);
    assert.deepEqual(told, ["a accepted a", "a stream"]);
    assert.equal(begin(waiting, "a"), false);
    waiting.onRelease(released("a", "of the checkpoint"));
    waiting.onRead("a", { state: "RUNNING", response: response("of the record") });
    assert.deepEqual(told.slice(2), []);
    waiting.onReassigned({ owner, runId: "a", assignment: 1 });
    assert.deepEqual(cut, []);
    waiting.onReassigned({ owner, runId: "a", assignment: 2 });
    assert.deepEqual(cut, ["a"]);
    waiting.onReassigned({ owner, runId: "b", assignment: 3 });
    assert.equal(begin(waiting, "b", 2), false);
    assert.equal(begin(waiting, "b", 3), true);
    waiting.onEnded({ owner, runId: "b", state: "SUCCEEDED", responsePath: "steps/0", busyMs: 0 });
    begin(waiting, "c");
    waiting.onRead("c", { state: "FAILED", response: undefined });
    const last = streamOf("d");
    waiting.onStream({ runId: "d", assignment: 1 }, last);
    waiting.forgetStream("d", last);
    assert.deepEqual(cut, ["a", "b", "c"]);
    assert.equal(waiting.size, 0);
    assert.equal(begin(waiting, "x"), false);
  });

  it("knows for how long an answer has been waited for", () => {
    const waiting = desk();
    waiting.submit(submit("a", { answer: true }), 10_000, listener("x"));
    waiting.submit(submit("b", { end: true }), 10_000, listener("y"));
    nowMs += 1_500;
    assert.deepEqual(
      [waiting.answerAge("a"), waiting.answerAge("b"), waiting.answerAge("c")],
      [1_500, undefined, undefined],
    );
    waiting.onAccepted(accepted("a", "c"));
    assert.deepEqual(
      [waiting.answerAge("a"), waiting.answerAge("c")],
      [undefined, Infinity],
      "the run was there before",
    );
  });

  it("cuts what an earlier assignment was sending when a later one begins, also when nobody has said that there is one", () => {
    const cut: string[] = [];
    const stream = (name: string) => ({ cut: () => void cut.push(name) });
    const waiting = desk();
    for (const name of ["x", "y", "z"]) waiting.submit(submit("a", { answer: true }), 10_000, listener(name));
    const [first, second] = [stream("first"), stream("second")];
    assert.equal(waiting.onStream({ runId: "a", assignment: 1 }, first), true);
    assert.equal(waiting.onStream({ runId: "a", assignment: 2 }, second), true);
    assert.deepEqual(cut, ["first"]);
    waiting.forgetStream("a", first);
    waiting.onAnswer({
      ...{ handing: { partition: 1, runId: "a", assignment: 1, seal: Buffer.alloc(0) }, path: "steps/0" },
      ...{ response: response("of the first"), busyMs: 0 },
    });
    assert.deepEqual(
      told.filter((said) => said.includes("answer")),
      [],
      "z waits for an assignment that counts",
    );
    waiting.onReassigned({ owner, runId: "a", assignment: 3 });
    assert.deepEqual(cut, ["first", "second"]);
  });
});
