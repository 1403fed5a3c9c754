import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzzyMatch } from "./fuzzy-match.ts";

function best(typed: string, texts: readonly string[]): string | undefined {
  const scored = texts.map((text) => ({ text, score: fuzzyMatch(typed, text)?.score ?? Number.NEGATIVE_INFINITY }));
  const top = scored.toSorted((a, b) => b.score - a.score)[0]!;
  return top.score === Number.NEGATIVE_INFINITY ? undefined : top.text;
}

test("prefers begins of words and letters that stand together", () => {
  assert.equal(best("ds", ["Dead letters", "Data stores", "Dashboard"]), "Data stores");
  assert.equal(best("run", ["Trunk sync", "Runs", "Remote upload now"]), "Runs");
  assert.equal(best("api", ["A page in between", "Settings: API keys"]), "Settings: API keys");
  assert.equal(best("thd", ["Theme: dark", "The old one", "Threads"]), "Theme: dark");
});

test("finds nothing where a letter is missing", () => {
  assert.equal(fuzzyMatch("xyz", "Workflows"), undefined);
  assert.equal(fuzzyMatch("sr", "rs"), undefined);
});

test("says which letters it has found", () => {
  assert.deepEqual(fuzzyMatch("ds", "Data stores")!.at, [0, 5]);
  assert.deepEqual(fuzzyMatch("", "anything")!.at, []);
});
