import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isAlive, waitUntil } from "@millrace/provision";
import { LogFile } from "./log-file.ts";
import { SupervisedProcess, type ProcessPlan } from "./supervised-process.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-supervised-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function supervise(name: string, script: string, plan: Partial<ProcessPlan> = {}): SupervisedProcess {
  const file = join(folder, `${name}.js`);
  writeFileSync(file, script);
  return new SupervisedProcess({
    role: "gateway",
    launch: {
      command: process.execPath,
      args: [file],
      env: { READY: join(folder, name) },
      cwd: folder,
      deathSignal: "TERM",
    },
    isReady: (pid) => readOr(join(folder, name)) === String(pid),
    log: new LogFile(join(folder, `${name}.log`)),
    stopSignal: "SIGTERM",
    stopTimeoutMs: 5_000,
    hardSignal: "SIGKILL",
    onDeath: () => undefined,
    ...plan,
  });
}

function readOr(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

const ready = `require("fs").writeFileSync(process.env.READY, String(process.pid)); setInterval(() => {}, 1000);`;

test("a process that died is started again, and told apart from one that was stopped", async () => {
  const deaths: string[] = [];
  const supervised = supervise("again", ready, { onDeath: (how) => deaths.push(how) });
  await supervised.start(10_000);
  const first = supervised.pid ?? 0;
  process.kill(first, "SIGKILL");
  await waitUntil(async () => supervised.pid !== first && (await supervised.isReady()), {
    what: "restart",
    timeoutMs: 10_000,
  });
  const second = supervised.pid ?? 0;
  await supervised.stop();
  assert.equal(isAlive(second), false);
  assert.deepEqual(deaths, ["was killed by SIGKILL"]);
  assert.equal(supervised.restarts, 1);
});

test("a process that keeps ending at its start fails the start with what it printed", async () => {
  const script = `console.error(JSON.stringify({ level: "error", event: "process.failed", error: { message: "no sandbox" } })); process.exit(3);`;
  const supervised = supervise("broken", script);
  await assert.rejects(supervised.start(10_000), {
    reason: "PROCESS_FAILED",
    message: /error process\.failed no sandbox/,
  });
  await supervised.stop();
});

test("a process that does not end when asked is killed", async () => {
  const supervised = supervise("stubborn", `process.on("SIGTERM", () => {});${ready}`, { stopTimeoutMs: 200 });
  await supervised.start(10_000);
  const pid = supervised.pid ?? 0;
  await supervised.stop();
  assert.equal(isAlive(pid), false);
});

test("a process that lives on without being of use is started again", async () => {
  let isBroken = false;
  const deaths: string[] = [];
  const plan = {
    broken: { isSo: () => Promise.resolve(isBroken), everyMs: 50 },
    onDeath: (how: string) => {
      isBroken = false;
      deaths.push(how);
    },
  };
  const supervised = supervise("of-no-use", ready, plan);
  await supervised.start(10_000);
  const first = supervised.pid;
  isBroken = true;
  await waitUntil(() => deaths.length > 0, { what: "end", timeoutMs: 30_000 });
  await waitUntil(async () => (await supervised.isReady()) && supervised.pid !== first, {
    what: "restart",
    timeoutMs: 30_000,
  });
  await supervised.stop();
  assert.deepEqual(deaths, ["was killed by SIGTERM"]);
});

test("a start after the wish to stop is given up", async () => {
  const supervised = supervise("late", ready);
  await supervised.stop();
  await assert.rejects(supervised.start(1_000), { reason: "START_GIVEN_UP" });
});
