import assert from "node:assert/strict";
import { test } from "node:test";

import { parseVerbatim } from "./verbatim-json.ts";

test("numbers that a double cannot hold are printed as they were written", () => {
  const text = '{"big":12345678901234567890,"list":[1.0,1e400,-0],"small":7}';
  assert.equal(JSON.stringify(parseVerbatim(text)), text);
});

test("keys that mean something to JavaScript are plain keys", () => {
  const text = '{"__proto__":{"a":1},"constructor":{"prototype":2}}';
  assert.equal(JSON.stringify(parseVerbatim(text)), text);
});
