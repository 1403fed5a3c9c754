import assert from "node:assert/strict";
import { test } from "node:test";

import { sanitize, sanitizeLine } from "./sanitize.ts";

test("what would move the cursor, colour, ring or reorder is shown escaped", () => {
  assert.equal(sanitize("\u001b[31mred\u001b[0m\u0007"), "\\x1b[31mred\\x1b[0m\\x07");
  assert.equal(sanitize("a\rb\u009b2J\u202ec"), "a\\x0db\\x9b2J\\u202ec");
});

test("text of any script stays as it is", () => {
  assert.equal(sanitize("grüße 🌱 日本\tx\ny"), "grüße 🌱 日本\tx\ny");
});

test("a line stays one line", () => {
  assert.equal(sanitizeLine("a\nb\tc"), "a\\nb\\tc");
});
