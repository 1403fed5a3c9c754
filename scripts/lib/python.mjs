import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { aptDownload } from "./apt.mjs";
import { checkout, toolsFolder } from "./paths.mjs";
import { withProgress } from "./progress.mjs";
import { ask, isAtLeast, run } from "./run.mjs";
import { SetupError } from "./setup-error.mjs";

const oldestPython = "3.11";
const candidates = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"];
const environmentFolder = join(toolsFolder, "python");
const stampFile = join(environmentFolder, "millrace-stamp");
const remedy = "check that pip reaches its index (python3 -m pip download grpcio), then start again";

/**
 * The worker's own Python environment: what its lock file names, hashes checked by pip, wheels only.
 *
 * @param {{dev: boolean}} options `dev` adds what tests and lint need
 * @returns {Promise<string>} the path of its Python
 */
export async function ensurePython({ dev }) {
  const lockFile = join(checkout, "packages/worker", dev ? "requirements-dev.lock" : "requirements.lock");
  const python = join(environmentFolder, "bin", "python");
  // The larger set holds the smaller one: a start after a test run has nothing to do.
  if (existsSync(python) && [stamp(lockFile), stamp(devLockFile())].includes(readStamp())) {
    return python;
  }
  await withProgress("the worker's Python environment", async () => {
    rmSync(environmentFolder, { recursive: true, force: true });
    const installer = await createEnvironment(findPython());
    await pipInstall(installer, ["-r", lockFile]);
    writeFileSync(stampFile, stamp(lockFile));
  });
  return python;
}

const devLockFile = () => join(checkout, "packages/worker/requirements-dev.lock");

function stamp(lockFile) {
  return createHash("sha256").update(readFileSync(lockFile)).digest("hex");
}

function readStamp() {
  return existsSync(stampFile) ? readFileSync(stampFile, "utf8") : undefined;
}

/** The machine's newest-named Python that is new enough. */
export function findPython() {
  for (const name of candidates) {
    const answer = ask(name, ["-c", "import sys; print('%d.%d %s' % (*sys.version_info[:2], sys.executable))"]);
    const [version, ...path] = answer?.split(" ") ?? [];
    if (version !== undefined && isAtLeast(version, oldestPython)) {
      return path.join(" ");
    }
  }
  throw new SetupError(`no Python ${oldestPython} or later among ${candidates.join(", ")}`, "apt-get install python3");
}

/**
 * Creates the environment and says how to call pip for it. Debian splits pip's wheel off Python into a package of its
 * own, so that `venv` alone may fail there: then the machine's pip does it, else that package's wheel, unpacked.
 */
async function createEnvironment(machinePython) {
  mkdirSync(toolsFolder, { recursive: true });
  const python = join(environmentFolder, "bin", "python");
  if (ask(machinePython, ["-c", "import ensurepip"]) !== undefined) {
    await run(machinePython, ["-m", "venv", environmentFolder], { remedy });
    return [python, "-m", "pip"];
  }
  await run(machinePython, ["-m", "venv", "--without-pip", environmentFolder], { remedy });
  if (isAtLeast(ask(machinePython, ["-m", "pip", "--version"])?.split(" ")[1] ?? "0", "22.3")) {
    return [machinePython, "-m", "pip", "--python", python];
  }
  const folder = join(toolsFolder, "pip");
  await aptDownload("python3-pip-whl", folder);
  const wheels = join(folder, "usr/share/python-wheels");
  const wheel = readdirSync(wheels).find((name) => name.startsWith("pip-"));
  if (wheel === undefined) {
    throw new SetupError("this Python has no pip, and none could be had", "apt-get install python3-venv");
  }
  return [python, join(wheels, wheel, "pip")];
}

/**
 * Calls pip for what a lock file names, hashes checked, wheels only.
 *
 * @param {string[]} installer how to call pip
 * @param {string[]} args
 */
export async function pipInstall([command, ...before], args) {
  const fixed = ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary", ":all:"];
  await run(command, [...before, ...fixed, ...args], { cwd: toolsFolder, remedy });
}

/** How to call the pip of the worker's environment, or of the machine when the environment has none. */
export function environmentPip() {
  return [join(environmentFolder, "bin", "python"), "-m", "pip"];
}
