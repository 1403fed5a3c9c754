import assert from "node:assert/strict";
import { test } from "node:test";
import { isSplit } from "./durability.ts";

test("standbys of which a commit waits for fewer than there are could leave two primaries that acknowledge", () => {
  for (const split of ["a, b", "FIRST 1 (a, b)", "ANY 1 (a, b)", "2 (a, b, c)", "*", "any 1 (*)", "ANY 2 (a, b, *)"]) {
    assert.equal(isSplit(split), true, split);
  }
  for (const safe of ["", "a", "FIRST 1 (a)", "ANY 2 (a, b)", "2 (a, b)", ' first 1 ("a") ']) {
    assert.equal(isSplit(safe), false, safe);
  }
});
