import assert from "node:assert/strict";
import { test } from "node:test";

import { exitCodeOf } from "./exit-code.ts";

test("exit codes are the documented ones", () => {
  assert.equal(exitCodeOf("Internal"), 1);
  assert.equal(exitCodeOf("InvalidArgument"), 2);
  assert.equal(exitCodeOf("NotFound"), 3);
  assert.equal(exitCodeOf("Unauthenticated"), 4);
  assert.equal(exitCodeOf("Unavailable"), 5);
  assert.equal(exitCodeOf("FailedPrecondition"), 7);
  assert.equal(exitCodeOf("ResourceExhausted"), 8);
  assert.equal(exitCodeOf("DeadlineExceeded"), 9);
});
