import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { findByEnvironment, isAlive } from "./process-table.ts";
import { waitUntil } from "./wait-until.ts";

test("what is launched ends with whoever launched it, by kill -9 too, and is found by its mark meanwhile", async () => {
  const mark = `test-${process.pid}`;
  const script = `
    import { launchProcess } from ${JSON.stringify(join(import.meta.dirname, "launch.ts"))};
    const env = { PATH: process.env.PATH, MILLRACE_MARK: ${JSON.stringify(mark)} };
    launchProcess({ command: "sleep", args: ["600"], env, cwd: "/", deathSignal: "TERM" }, "ignore");`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "ignore" });
  const find = (): number[] => findByEnvironment("MILLRACE_MARK", mark);
  await waitUntil(() => find().length === 1, { what: "launch", timeoutMs: 10_000 });
  const [pid = 0] = find();
  parent.kill("SIGKILL");
  await once(parent, "exit");
  await waitUntil(() => !isAlive(pid), { what: "end of what was launched", timeoutMs: 5_000 });
  assert.deepEqual(find(), []);
});
