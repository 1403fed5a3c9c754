import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ExactNumber, pathOf, readJson, toggleOf, treeRows, writeJson, type JsonValue } from "./json-tree.ts";

describe("readJson", () => {
  test("keeps digits that a JavaScript number would lose", () => {
    const value = readJson('{"id":9007199254740993,"small":1e2,"text":"\\u0000"}') as Record<string, unknown>;
    assert.deepEqual(value["id"], new ExactNumber("9007199254740993"));
    assert.equal(writeJson(value as never), '{"id":9007199254740993,"small":1e2,"text":"\\u0000"}');
  });

  test("refuses what is no JSON", () => {
    assert.throws(() => readJson("{"), SyntaxError);
  });
});

describe("treeRows", () => {
  const value = readJson('{"a":{"b":[1,{"c":"d"}]},"e":null}') as { a: { b: JsonValue } };

  test("opens the upper lines, and says how to read each in Python", () => {
    const rows = treeRows(value, new Set());
    assert.deepEqual(
      rows.map((row) => [pathOf(row, 'pd.steps["x"]'), row.open]),
      [
        ['pd.steps["x"]', true],
        ['pd.steps["x"]["a"]', true],
        ['pd.steps["x"]["a"]["b"]', false],
        ['pd.steps["x"]["e"]', false],
      ],
    );
  });

  test("shows and hides what was toggled", () => {
    const opened = treeRows(value, new Set([value.a.b]));
    assert.deepEqual(
      opened.map(({ name }) => name),
      [undefined, "a", "b", 0, 1, "e"],
    );
    assert.deepEqual(
      treeRows(value, new Set([value])).map(({ name }) => name),
      [undefined],
    );
  });

  test("opens a long text of its own, not another with the same words", () => {
    const long = "line\n".repeat(100);
    const rows = treeRows([long, long], new Set([toggleOf(treeRows([long, long], new Set())[2]!)]));
    assert.deepEqual(
      rows.map(({ open }) => open),
      [true, false, true],
    );
  });
});
