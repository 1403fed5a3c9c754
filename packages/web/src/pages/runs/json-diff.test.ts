import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readJson } from "../../ui/json-tree.ts";
import { diffJson, MOST_DIFFERENCES } from "./json-diff.ts";

function kinds(left: string, right: string): string[] {
  return diffJson(readJson(left), readJson(right)).map(({ path, kind }) => `${path} ${kind}`);
}

describe("diffJson", () => {
  test("names each place that differs, by its path", () => {
    assert.deepEqual(kinds('{"a":1,"b":[1,2],"c":{}}', '{"a":2,"b":[1],"d":null,"c":{}}'), [
      '["a"] changed',
      '["b"][1] removed',
      '["d"] added',
    ]);
  });

  test("tells kinds of values apart, and numbers by all of their digits", () => {
    assert.deepEqual(kinds("[1,{},null]", '["1",[],false]'), ["[0] changed", "[1] changed", "[2] changed"]);
    assert.deepEqual(kinds("[9007199254740993]", "[9007199254740992]"), ["[0] changed"]);
    assert.deepEqual(kinds("[9007199254740993]", "[9007199254740993]"), []);
  });

  test("takes keys of every object for what they are", () => {
    assert.deepEqual(kinds('{"constructor":1}', "{}"), ['["constructor"] removed']);
    assert.deepEqual(kinds("{}", '{"__proto__":1}'), ['["__proto__"] added']);
  });

  test("ends at a bound", () => {
    const many = Array.from({ length: MOST_DIFFERENCES * 2 }, (_, index) => index);
    assert.equal(diffJson(many, []).length, MOST_DIFFERENCES);
  });

  test("shows what is the same when that is asked for", () => {
    assert.deepEqual(
      diffJson({ a: 1, b: 2 }, { a: 1, b: 3 }, true).map(({ kind }) => kind),
      ["same", "changed"],
    );
  });
});
