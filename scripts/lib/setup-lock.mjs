import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { toolsFolder } from "./paths.mjs";
import { say } from "./progress.mjs";

const file = join(toolsFolder, "setup.lock");
const lookAgainMs = 250;

/**
 * Runs work while no other process sets up the same checkout; waits for one that does.
 *
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withSetupLock(work) {
  let told = false;
  while (!tryLock()) {
    const holder = readHolder();
    if (holder === undefined || !isAlive(holder)) {
      rmSync(file, { force: true });
      continue;
    }
    if (!told) {
      say(`another set-up (process ${holder}) is at work in this checkout: waiting for it`);
      told = true;
    }
    await sleep(lookAgainMs);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function tryLock() {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code === "EEXIST") {
      return false;
    }
    throw error;
  }
}

function readHolder() {
  try {
    return Number(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    // Not by signal 0 alone: a dead process that nobody has reaped yet still takes signals.
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}
