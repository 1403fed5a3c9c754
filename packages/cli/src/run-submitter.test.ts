import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PlatformError } from "@millrace/core";
import type { runApi } from "@millrace/protocol";
import { toFailure, toGrpcFailure } from "@millrace/rpc";
import { RunSubmitter, type RunSubmitterOptions } from "./run-submitter.ts";

type Message = runApi.StreamSubmitRunsRequest;

/** The house's end of a stream. */
class FakeStream extends EventEmitter {
  readonly messages: Message[] = [];
  isEnded = false;

  write(message: Message): boolean {
    this.messages.push(message);
    return true;
  }
  end(): void {
    this.isEnded = true;
  }
  accept(...tags: number[]): void {
    this.emit("data", { results: tags.map((tag) => ({ tag, run: `run of ${tag}`, refusal: undefined })) });
  }
  refuse(tag: number, error: PlatformError): void {
    const { retryDelayMs, ...failure } = toFailure(error, "request-1");
    const retryDelay = retryDelayMs === undefined ? undefined : { seconds: 0, nanos: 1_000_000 };
    this.emit("data", { results: [{ tag, run: "", refusal: { ...failure, retryDelay } }] });
  }
  /** As the library tells it: an error, and the status with it. */
  fail(error: PlatformError, isOfTheHouse = true): void {
    const { metadata, ...failure } = toGrpcFailure(error, "request-1");
    this.emit("error", Object.assign(new Error(error.message), failure, isOfTheHouse && { metadata }));
    this.emit("status", { code: failure.code });
  }
  get tags(): number[] {
    return this.messages.map(({ tag }) => tag);
  }
}

const AWAY = new PlatformError("Unavailable", "GATEWAY_STOPPING", "stopping");

function open(options?: RunSubmitterOptions) {
  const streams: FakeStream[] = [];
  const streamSubmitRuns = () => {
    const stream = new FakeStream();
    streams.push(stream);
    return stream as never;
  };
  const submitter = new RunSubmitter({ streamSubmitRuns }, options);
  const submit = (extra: { eventJson?: string; requestId?: string } = {}) => {
    const answer = submitter.submit({ parent: "workflows/w", ...extra });
    answer.catch(() => {});
    return answer;
  };
  const stream = async (count: number): Promise<FakeStream> => {
    while (streams.length < count) await sleep(1);
    return streams[count - 1]!;
  };
  return { submitter, submit, stream, streams };
}

describe("a submitter of runs", () => {
  it("sends what has no answer again on the next stream, with the key that it had, and nothing else", async () => {
    const { submitter, submit, stream } = open();
    const answers = [submit(), submit({ requestId: "mine" }), submit()];
    const first = await stream(1);
    assert.deepEqual(first.tags, [1, 2, 3]);
    first.accept(1);
    assert.equal(await answers[0], "run of 1");
    first.fail(AWAY);
    answers.push(submit());
    const second = await stream(2);
    assert.deepEqual(second.tags, [2, 3, 4]);
    assert.deepEqual(
      second.messages.slice(0, 2).map(({ requestId }) => requestId),
      first.messages.slice(1).map(({ requestId }) => requestId),
    );
    assert.equal(second.messages[0]?.requestId, "mine");
    assert.equal(new Set(second.messages.map(({ requestId }) => requestId)).size, 3);
    // An answer of the stream that is gone comes too late to be of any harm.
    first.accept(2);
    second.accept(4, 3, 2);
    await Promise.all(answers);
    submitter.close();
    assert.ok(second.isEnded);
    await assert.rejects(submit(), { reason: "SUBMITTER_CLOSED" });
  });

  it("opens another one when the house has ended the stream well, once there is something to send", async () => {
    const { submitter, submit, stream, streams } = open();
    const one = submit();
    (await stream(1)).accept(1);
    await one;
    streams[0]!.emit("status", { code: 0 });
    const two = submit();
    (await stream(2)).accept(2);
    assert.equal(await two, "run of 2");
    submitter.close();
  });

  it("sends a run without a key once at most", async () => {
    const { submitter, submit, stream } = open();
    const without = submit({ requestId: "" });
    const other = submit();
    (await stream(1)).fail(AWAY);
    await assert.rejects(without, { reason: "SUBMIT_UNACKNOWLEDGED" });
    const second = await stream(2);
    assert.deepEqual(second.tags, [2]);
    second.accept(2);
    await other;
    submitter.close();
  });

  it("gives up at once where another stream would be told the same", async () => {
    const { submit, stream, streams } = open();
    const both = [submit(), submit()];
    (await stream(1)).fail(new PlatformError("Unauthenticated", "API_KEY_INVALID", "revoked"));
    for (const answer of both) await assert.rejects(answer, { reason: "API_KEY_INVALID" });
    assert.equal(streams.length, 1);
  });

  it("gives up the message that the other side does not take for its size, and that one alone", async () => {
    const { submitter, submit, stream } = open();
    const small = submit();
    const large = submit({ eventJson: JSON.stringify("x".repeat(1_000)) });
    (await stream(1)).fail(new PlatformError("ResourceExhausted", "RESOURCE_EXHAUSTED", "too large"), false);
    await assert.rejects(large, { kind: "ResourceExhausted" });
    (await stream(2)).accept(1);
    await small;
    submitter.close();
  });

  it("tells of refusals, and sends again what the house could not take at the moment", async () => {
    const { submitter, submit, stream } = open();
    const full = submit();
    const again = submit();
    const once = submit({ requestId: "" });
    const only = await stream(1);
    only.refuse(1, new PlatformError("ResourceExhausted", "QUEUE_FULL", "full"));
    await assert.rejects(full, { kind: "ResourceExhausted", reason: "QUEUE_FULL" });
    only.refuse(3, new PlatformError("Unavailable", "SUBMIT_UNACKNOWLEDGED", "perhaps"));
    await assert.rejects(once, { reason: "SUBMIT_UNACKNOWLEDGED" });
    only.refuse(2, new PlatformError("Unavailable", "OWNER_UNAVAILABLE", "away"));
    while (only.messages.length < 4) await sleep(1);
    assert.deepEqual(only.messages[3], only.messages[1]);
    only.accept(2);
    await again;
    submitter.close();
  });

  it("has so many under way", async () => {
    const { submitter, submit, stream } = open({ underWayMax: 2 });
    const answers = [submit(), submit(), submit()];
    const only = await stream(1);
    assert.deepEqual(only.tags, [1, 2]);
    only.accept(2);
    await answers[1];
    assert.deepEqual(only.tags, [1, 2, 3]);
    submitter.close();
    for (const answer of [answers[0]!, answers[2]!]) await assert.rejects(answer, { reason: "SUBMITTER_CLOSED" });
  });

  it("waits for so long", async () => {
    const { submitter, submit } = open({ deadlineMs: 20 });
    await assert.rejects(submit(), { reason: "SUBMIT_UNACKNOWLEDGED" });
    submitter.close();
  });
});
