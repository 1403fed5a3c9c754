import assert from "node:assert/strict";
import { test } from "node:test";
import { formatJson, jsonProblem } from "./json-text.ts";

test("lays JSON out as JSON.stringify does", () => {
  const values = [
    [],
    {},
    [[]],
    [{}],
    { a: [], b: {}, c: [1, [2, { d: null }]] },
    'a,b:{}[]"\\',
    0,
    true,
    ["", "{", "}"],
  ];
  for (const value of values) {
    assert.equal(formatJson(JSON.stringify(value)), JSON.stringify(value, undefined, 2));
    assert.equal(formatJson(JSON.stringify(value, undefined, "\t")), JSON.stringify(value, undefined, 2));
  }
});

test("leaves numbers as they were written", () => {
  assert.equal(formatJson("[12345678901234567890,1.50,1e400]"), "[\n  12345678901234567890,\n  1.50,\n  1e400\n]");
});

test("says what is no JSON", () => {
  assert.equal(jsonProblem('{"a": 1}'), undefined);
  assert.match(jsonProblem("hello")!, /^Not JSON/);
  assert.match(jsonProblem(" ")!, /double quotes/);
});
