import assert from "node:assert/strict";
import { test } from "node:test";
import { createTraceId, formatTraceparent, parseTraceparent } from "./trace-context.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";

test("a trace parent is read and written as W3C says", () => {
  const context = { traceId, spanId, sampled: true };
  assert.equal(formatTraceparent(context), `00-${traceId}-${spanId}-01`);
  assert.deepEqual(parseTraceparent(formatTraceparent(context)), context);
  assert.deepEqual(parseTraceparent(`00-${traceId}-${spanId}-00`), { ...context, sampled: false });
  assert.deepEqual(parseTraceparent(`01-${traceId}-${spanId}-01-of-the-future`), context);
});

test("what is no trace parent is none", () => {
  const bad = [
    "",
    "nonsense",
    `ff-${traceId}-${spanId}-01`,
    `00-${"0".repeat(32)}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
  ];
  for (const text of [undefined, ...bad, `00-${traceId.toUpperCase()}-${spanId}-01`, `00-${traceId}-${spanId}`]) {
    assert.equal(parseTraceparent(text), undefined, text);
  }
});

test("a run has a trace id with tracing on or off", () => {
  assert.match(createTraceId(), /^[0-9a-f]{32}$/);
  assert.notEqual(createTraceId(), createTraceId());
});
