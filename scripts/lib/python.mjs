import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkout, toolsFolder } from "./paths.mjs";
import { findPython, pipInstall } from "./pip.mjs";
import { withProgress } from "./progress.mjs";
import { run } from "./run.mjs";

const environmentFolder = join(toolsFolder, "python");
const python = join(environmentFolder, "bin", "python");
const stampFile = join(environmentFolder, "millrace-stamp");
const workerFolder = join(checkout, "packages/worker");
const runLock = join(workerFolder, "requirements.lock");
const devLock = join(workerFolder, "requirements-dev.lock");

/**
 * The worker's own Python environment: what its lock file names, and nothing else.
 *
 * @param {{dev: boolean}} options `dev` adds what tests and lint need
 * @returns {Promise<string>} the path of its Python
 */
export async function ensurePython({ dev }) {
  // The larger set holds the smaller one: a start after a test run has nothing to do.
  const good = dev ? [devLock] : [runLock, devLock];
  if (existsSync(python) && good.map(stamp).includes(readStamp())) {
    return python;
  }
  await withProgress("the worker's Python environment", async () => {
    rmSync(environmentFolder, { recursive: true, force: true });
    await run(findPython(), ["-m", "venv", "--without-pip", environmentFolder], {
      remedy: "apt-get install python3-venv",
    });
    await pipInstall(["--python", python], ["-r", good[0]]);
    writeFileSync(stampFile, stamp(good[0]));
  });
  return python;
}

function stamp(lockFile) {
  return createHash("sha256").update(readFileSync(lockFile)).digest("hex");
}

function readStamp() {
  return existsSync(stampFile) ? readFileSync(stampFile, "utf8") : undefined;
}
