import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, isAtLeast, run } from "./run.mjs";

test("versions are compared by number", () => {
  assert.equal(isAtLeast("22.18.0", "22.18.0"), true);
  assert.equal(isAtLeast("22.9.0", "22.18.0"), false);
  assert.equal(isAtLeast("26.1", "22.18.0"), true);
  assert.equal(isAtLeast("2.11", "2.11.0"), true);
});

test("a command that fails shows the beginning and the end of its output, and the remedy", async () => {
  const script = "console.log('first'); console.log('x'.repeat(10000)); console.log('last'); process.exit(3)";
  await assert.rejects(run(process.execPath, ["-e", script], { remedy: "try again" }), (error) => {
    assert.match(error.message, /ended with 3\nfirst/);
    assert.match(error.message, /last\n {2}remedy: try again$/);
    assert.ok(error.message.length < 5_000);
    return true;
  });
});

test("a command that is not there answers nothing", () => {
  assert.equal(ask("millrace-has-no-such-command", []), undefined);
});
