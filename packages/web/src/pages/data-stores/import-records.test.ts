import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { partsOf } from "./import-records.ts";

async function partsOfText(text: string, bytes: number): Promise<[text: string, lines: number][]> {
  const parts: [string, number][] = [];
  for await (const part of partsOf(new Blob([text]), bytes)) {
    parts.push([new TextDecoder("utf-8", { fatal: true }).decode(part.bytes), part.lines]);
  }
  return parts;
}

describe("partsOf()", () => {
  test("cuts a file between its lines", async () => {
    assert.deepEqual(await partsOfText("one\ntwo\nthree\n", 9), [
      ["one\ntwo\n", 2],
      ["three\n", 1],
    ]);
  });

  test("keeps a line whole that is longer than a part, and signs that are several bytes", async () => {
    const long = "ü".repeat(40);
    assert.deepEqual(await partsOfText(`a\n${long}\nb`, 4), [
      ["a\n", 1],
      [`${long}\nb`, 1],
    ]);
  });

  test("has no part for an empty file", async () => {
    assert.deepEqual(await partsOfText("", 4), []);
  });
});
