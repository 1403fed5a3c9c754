import assert from "node:assert/strict";
import { test } from "node:test";

import { encodePayloadReference, parsePayloadReference, payloadSize } from "./payload-reference.ts";

const objectId = "0190a5c8-7d3e-4000-8000-00000000abcd";

test("a reference is read as what was written", () => {
  const bytes = encodePayloadReference({ objectId, size: 31_457_280 });
  assert.deepEqual(parsePayloadReference(bytes), { objectId, size: 31_457_280 });
  assert.equal(payloadSize(bytes), 31_457_280);
});

test("no JSON is taken for a reference, and nothing that only begins like one", () => {
  const valid = `\0object:${objectId}:17`;
  for (const text of [
    "",
    "{}",
    `"${valid}"`,
    valid.slice(1),
    `${valid}x`,
    `${valid}\0`,
    valid.slice(0, 30),
    `${valid}${"1".repeat(40)}`,
  ]) {
    assert.equal(parsePayloadReference(Buffer.from(text)), undefined, JSON.stringify(text));
    assert.equal(payloadSize(Buffer.from(text)), text.length);
  }
});
