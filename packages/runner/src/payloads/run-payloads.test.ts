import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import {
  encodePayloadReference,
  INLINE_BYTES_MAX,
  parsePayloadReference,
  payloadSize,
  PlatformError,
  type PayloadReference,
} from "@millrace/core";
import { control, step } from "@millrace/protocol";
import { createLogger } from "@millrace/telemetry";

import { activeRun, type ActiveRun, type WiredAssign } from "../active-run.ts";
import type { ObjectClient, ObjectPurpose } from "./object-client.ts";
import { hasReferences, RunPayloads } from "./run-payloads.ts";

const KIB = 1024;
const held = (): boolean => true;

/** Objects in memory, in place of gateways. */
class ObjectsInMemory {
  readonly contents = new Map<string, Buffer>();
  readonly purposes: ObjectPurpose[] = [];
  refusal: PlatformError | undefined;

  async read({ objectId }: PayloadReference): Promise<Buffer> {
    const content = this.contents.get(objectId);
    if (content === undefined) throw new PlatformError("NotFound", "OBJECT_NOT_FOUND", "gone");
    return content;
  }

  async write(content: Buffer, purpose: ObjectPurpose): Promise<PayloadReference> {
    if (this.refusal) throw this.refusal;
    const objectId = randomUUID();
    this.contents.set(objectId, content);
    this.purposes.push(purpose);
    return { objectId, size: content.length };
  }

  put(text: string): Buffer {
    const objectId = randomUUID();
    this.contents.set(objectId, Buffer.from(text));
    return Buffer.from(encodePayloadReference({ objectId, size: text.length }));
  }
}

function payloadsOf(objects: ObjectsInMemory): RunPayloads {
  const log = createLogger({ level: "error", write: () => {} });
  return new RunPayloads({ objects: objects as unknown as ObjectClient, bytesMax: 1_000_000, log });
}

function runOf(given: Partial<WiredAssign> & { event?: Uint8Array } = {}): ActiveRun {
  const { event = Buffer.from("{}"), ...rest } = given;
  const input = { eventJson: event, contextJson: Buffer.from("{}") };
  const assign = { runId: randomUUID(), assignment: 1, owner: { partition: 0 }, input, wireSteps: [], ...rest };
  return activeRun(assign as unknown as WiredAssign, 0, 1_000, false);
}

function resultOf(
  sizes: { exports?: number; returned?: number; body?: number },
  tmp?: step.TmpSnapshot,
): step.StepResult {
  const { exports = 0, returned = 0, body } = sizes;
  const response = { status: 200, headers: [], immediate: false, bodyIsReference: false };
  return {
    ...step.StepResult.decode(new Uint8Array(0)),
    exportsJson: Buffer.alloc(exports, "x"),
    returnValueJson: Buffer.alloc(returned, "r"),
    response: body === undefined ? undefined : { ...response, body: Buffer.alloc(body, "b") },
    tmp,
  };
}

describe("results of steps", () => {
  it("that are small travel as they are", () => {
    const objects = new ObjectsInMemory();
    assert.equal(payloadsOf(objects).concerns(runOf(), resultOf({ exports: 100 * KIB, returned: 156 * KIB })), false);
  });

  it("give up their largest parts first, and only as many as must be", async () => {
    const objects = new ObjectsInMemory();
    const payloads = payloadsOf(objects);
    const result = resultOf({ exports: 200 * KIB, returned: 90 * KIB, body: 100 * KIB });
    assert.ok(payloads.concerns(runOf(), result));
    const stored = await payloads.store(runOf(), result, held);
    assert.ok(stored?.returnValueJson !== undefined && stored.response !== undefined);
    assert.equal(payloadSize(stored.exportsJson), 200 * KIB);
    assert.ok(parsePayloadReference(stored.exportsJson) !== undefined);
    assert.deepEqual([stored.returnValueJson.length, stored.response.body.length], [90 * KIB, 100 * KIB]);
    const body = await payloads.store(runOf(), resultOf({ exports: 10, body: INLINE_BYTES_MAX }), held);
    assert.ok(body?.response?.bodyIsReference);
    assert.equal(objects.contents.get(parsePayloadReference(body.response.body)!.objectId)?.length, INLINE_BYTES_MAX);
  });

  it("travel beside the messages once their run has given much, unless they are tiny", async () => {
    const objects = new ObjectsInMemory();
    const payloads = payloadsOf(objects);
    const run = runOf();
    const small = resultOf({ returned: 250 * KIB });
    let inline = 0;
    while (!payloads.concerns(run, small)) inline += 1;
    assert.equal(inline, 16, "4 MiB");
    const stored = await payloads.store(run, small, held);
    assert.ok(parsePayloadReference(stored!.returnValueJson!) !== undefined);
    run.inlineBytes = 100 * 1024 * KIB;
    const tiny = await payloads.store(run, resultOf({ returned: 900 }), held);
    assert.equal(tiny?.returnValueJson?.length, 900);
  });

  it("that the house refuses fail their step, and those of a run that has left are dropped", async () => {
    const objects = new ObjectsInMemory();
    const payloads = payloadsOf(objects);
    objects.refusal = new PlatformError("InvalidArgument", "OBJECT_TOO_LARGE", "an object has at most 5 bytes");
    const refused = await payloads.store(runOf(), resultOf({ exports: 300 * KIB }), held);
    assert.equal(refused?.failure?.cause, step.FailureCause.PAYLOAD_TOO_LARGE);
    assert.match(refused.failure.message, /could not be kept: an object has at most 5 bytes/);
    assert.deepEqual([refused.exportsJson.length, refused.response], [0, undefined]);
    objects.refusal = new PlatformError("Cancelled", "RUN_LEFT", "left");
    assert.equal(await payloads.store(runOf(), resultOf({ exports: 300 * KIB }), held), undefined);
  });

  it("take what was in /tmp along, and give up what no checkpoint names any more", async () => {
    const objects = new ObjectsInMemory();
    const payloads = payloadsOf(objects);
    const before = objects.put("before");
    const first = parsePayloadReference(before)!.objectId;
    const run = runOf({ tmp: { content: before, unsaved: "" } });
    const superseded: (readonly string[])[] = [];
    const ids: string[] = [];
    for (let step = 0; step < 3; step++) {
      const result = resultOf({ returned: 1 }, { content: Buffer.from(`tmp ${step}`), unsaved: "" });
      assert.ok(payloads.concerns(run, result));
      const stored = await payloads.store(run, result, held);
      ids.push(parsePayloadReference(stored!.tmp!.content)!.objectId);
      superseded.push(objects.purposes.at(-1)!.superseded);
      assert.equal(objects.purposes.at(-1)!.use, control.ObjectUse.TMP);
    }
    assert.deepEqual(superseded, [[], [first], [ids[0]]]);
    const unsaved = { content: Buffer.alloc(0), unsaved: "too much" };
    assert.equal(payloads.concerns(run, resultOf({}, unsaved)), false);
  });
});

describe("a further execution of a step", () => {
  it("says again what is in /tmp, since the one before it is not looked at any more", async () => {
    const objects = new ObjectsInMemory();
    const payloads = payloadsOf(objects);
    const run = runOf({ tmp: { content: objects.put("saved"), unsaved: "" } });
    const again = { ...resultOf({ returned: 1 }), path: "steps/0/runs/2" };
    assert.equal(payloads.concerns(run, again), false);
    assert.deepEqual(again.tmp?.content, run.assign.tmp?.content);
    const large = await payloads.store(run, { ...resultOf({ returned: 300 * KIB }), path: "steps/0/runs/3" }, held);
    assert.deepEqual(large?.tmp?.content, run.assign.tmp?.content);
    const next = { ...resultOf({ returned: 1 }), path: "steps/1" };
    payloads.concerns(run, next);
    assert.equal(next.tmp, undefined);
    assert.equal(objects.contents.size, 2);
  });
});

describe("assignments", () => {
  it("with references get what these stand for, and the room is given back once", async () => {
    const objects = new ObjectsInMemory();
    const payloads = payloadsOf(objects);
    const done = { path: "steps/0", name: "a", exportsJson: objects.put('{"a":1}'), returnValueJson: Buffer.from("2") };
    const run = runOf({ event: objects.put('"event"'), wireSteps: [done as never] });
    assert.ok(hasReferences(run.assign) && !hasReferences(runOf().assign));
    const { loaded, release } = await payloads.load(run, held);
    assert.equal(loaded.eventJson.toString(), '"event"');
    assert.deepEqual(
      loaded.doneSteps.map(({ exportsJson, returnValueJson }) => [exportsJson.toString(), returnValueJson?.toString()]),
      [['{"a":1}', "2"]],
    );
    release();
    release();
  });

  it("wait for room", async () => {
    const objects = new ObjectsInMemory();
    const payloads = payloadsOf(objects);
    const large = (): ActiveRun => runOf({ event: objects.put("x".repeat(600_000)) });
    const { release } = await payloads.load(large(), held);
    let second = false;
    const waiting = payloads.load(large(), held).then(() => (second = true));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(second, false);
    release();
    await waiting;
  });

  it("go on without a /tmp that cannot be had, and know why; without their payloads they do not", async () => {
    const payloads = payloadsOf(new ObjectsInMemory());
    const gone = Buffer.from(encodePayloadReference({ objectId: randomUUID(), size: 3 }));
    const { loaded } = await payloads.load(runOf({ tmp: { content: gone, unsaved: "" } }), held);
    assert.equal(loaded.tmp?.content.length, 0);
    assert.match(loaded.tmp.unsaved, /could not be read again \(OBJECT_NOT_FOUND\)/);
    await assert.rejects(payloads.load(runOf({ event: gone }), held), { reason: "OBJECT_NOT_FOUND" });
  });
});
