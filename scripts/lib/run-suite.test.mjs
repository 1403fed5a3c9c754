import assert from "node:assert/strict";
import { test } from "node:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { count, runSuite } from "./run-suite.mjs";

test("counts what node's runner says, with what it skipped and why", () => {
  const output = [
    "✔ a title (1.2ms)",
    "﹣ needs root (0.1ms) # run it as root",
    "ℹ tests 3",
    "ℹ pass 2",
    "ℹ fail 0",
    "ℹ cancelled 0",
    "ℹ skipped 1",
  ].join("\n");
  assert.deepEqual(count("node", output, true), { passed: 2, failed: 0, skipped: ["needs root: run it as root"] });
});

test("counts what pytest says", () => {
  const output = "SKIPPED [2] tests/test_a.py:7: needs root\n1 failed, 10 passed, 2 skipped, 1 error in 3.21s";
  assert.deepEqual(count("pytest", output, false), {
    passed: 10,
    failed: 2,
    skipped: ["tests/test_a.py:7: needs root (2)"],
  });
});

test("a runner that fails or counts nothing is a failure, whatever it printed", () => {
  assert.equal(count("node", "ℹ pass 2\nℹ fail 0", false).failed, 1);
  assert.equal(count("node", "", true).failed, 1);
  assert.equal(count("pytest", "no tests ran in 0.01s", true).failed, 1);
  assert.equal(count("check", "", false).failed, 1);
});

test("commands that go on side by side do not wait for each other, and each counts", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-suite-"));
  context.after(() => rmSync(folder, { recursive: true }));
  // Each ends when it has seen the other.
  const meet = (own, other) => [
    process.execPath,
    "-e",
    `const fs = require("node:fs"); fs.writeFileSync("${own}", ""); setInterval(() => fs.existsSync("${other}") && process.exit(), 5)`,
  ];
  const [one, two] = ["one", "two"].map((name) => join(folder, name));
  const suite = { name: "met", kind: "check", sideBySide: true, timeoutMs: 60_000 };
  const commands = () => [meet(one, two), meet(two, one), [process.execPath, "-e", "process.exit(3)"]];
  const { passed, failed } = await runSuite({ ...suite, commands }, {}, process.env);
  assert.deepEqual([passed, failed], [2, 1]);
});
