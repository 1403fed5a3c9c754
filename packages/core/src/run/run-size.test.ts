import assert from "node:assert/strict";
import { test } from "node:test";

import { encodePayloadReference } from "./payload-reference.ts";
import { boundResult, hasRoom, RUN_BYTES_MAX, RUN_INLINE_BYTES_MAX } from "./run-size.ts";
import type { StepResult } from "./step-result.ts";

const result = (bytes: number): StepResult => ({
  path: "steps/0",
  name: "a",
  executionId: "e",
  exportsJson: new Uint8Array(bytes),
  startTimeMs: 0,
  endTimeMs: 1,
  lastLogSequence: 0,
});
const input = { eventJson: new Uint8Array(100), contextJson: new Uint8Array(100) };

test("a result that fits stays as it is", () => {
  const fitting = result(RUN_INLINE_BYTES_MAX - 200);
  assert.equal(boundResult({ input, steps: [] }, fitting), fitting);
});

test("event and earlier steps count, and what is too large fails its step without its output", () => {
  const bounded = boundResult(
    { input, steps: [result(RUN_INLINE_BYTES_MAX / 2), result(RUN_INLINE_BYTES_MAX / 4)] },
    result(RUN_INLINE_BYTES_MAX / 4),
  );
  assert.equal(bounded.failure?.type, "PayloadTooLarge");
  assert.equal(bounded.exportsJson.length, 0);
  assert.match(bounded.failure?.message ?? "", /7 MiB.* 7\.0 MiB/);
});

test("a step that failed anyway keeps its own failure", () => {
  const failure = { cause: "EXCEPTION", type: "KeyError", message: "'a'", traceback: "", line: 3 } as const;
  assert.equal(boundResult({ input, steps: [] }, { ...result(RUN_INLINE_BYTES_MAX), failure }).failure, failure);
});

const objectId = "0190a5c8-7d3e-4000-8000-00000000abcd";
const large = (size: number): StepResult => ({
  ...result(0),
  returnValueJson: encodePayloadReference({ objectId, size }),
  response: {
    status: 200,
    headers: [],
    body: encodePayloadReference({ objectId, size }),
    immediate: false,
    bodyIsReference: true,
  },
});

test("what references stand for has a bound of its own", () => {
  const half = large(RUN_BYTES_MAX / 4);
  assert.equal(boundResult({ input, steps: [half] }, large(RUN_BYTES_MAX / 4 - 200)).failure, undefined);
  const bounded = boundResult({ input, steps: [half, half] }, half);
  assert.match(bounded.failure?.message ?? "", /200 MiB of event.* 300\.0 MiB/);
  assert.deepEqual([bounded.returnValueJson, bounded.response], [undefined, undefined]);
});

test("a body that only looks like a reference is a body", () => {
  const body = encodePayloadReference({ objectId, size: RUN_BYTES_MAX * 2 });
  const answering = { ...result(0), response: { status: 200, headers: [], body, immediate: false } };
  assert.equal(boundResult({ input, steps: [] }, answering), answering);
});

test("what ends a pause has to fit the next assignment twice", () => {
  const run = { input, steps: [] };
  assert.ok(hasRoom(run, RUN_INLINE_BYTES_MAX / 2 - 200));
  assert.ok(!hasRoom(run, RUN_INLINE_BYTES_MAX / 2 + 1));
});
