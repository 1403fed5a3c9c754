import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { aptDownload } from "./apt.mjs";
import { toolsFolder } from "./paths.mjs";
import { ask, isAtLeast, run } from "./run.mjs";
import { SetupError } from "./setup-error.mjs";

const oldestPython = "3.11";
// The first that installs for another Python than the one it runs on.
const oldestPip = "22.3";
const candidates = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"];

/** The first of the machine's Pythons that is new enough. */
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
 * Installs what a lock file names: hashes checked, wheels only, so that nothing of a package runs.
 *
 * @param {string[]} before pip's own options
 * @param {string[]} args those of its install command
 */
export async function pipInstall(before, args) {
  mkdirSync(toolsFolder, { recursive: true });
  const [command, ...pip] = await findPip();
  // Python compiles by itself what it imports; compiling everything here takes longer than the download.
  const fixed = ["install", "--quiet", "--no-compile", "--no-deps", "--require-hashes", "--only-binary", ":all:"];
  await run(command, [...pip, "--disable-pip-version-check", ...before, ...fixed, ...args], {
    cwd: toolsFolder,
    remedy: "check that pip reaches its index (python3 -m pip download grpcio), then start again",
  });
}

let found;

function findPip() {
  found ??= locatePip();
  return found;
}

/**
 * How to call pip: the machine's, else that of a throwaway environment. Debian splits pip off Python into packages of their
 * own, so there may be neither: then such a package's wheel is unpacked, which runs as it is.
 */
async function locatePip() {
  const python = findPython();
  if (isAtLeast(ask(python, ["-m", "pip", "--version"])?.split(" ")[1] ?? "0", oldestPip)) {
    return [python, "-m", "pip"];
  }
  const folder = join(toolsFolder, "pip");
  if (ask(python, ["-c", "import ensurepip"]) !== undefined) {
    await run(python, ["-m", "venv", folder], { remedy: "apt-get install python3-venv" });
    return [join(folder, "bin/python"), "-m", "pip"];
  }
  await aptDownload("python3-pip-whl", folder);
  const wheels = join(folder, "usr/share/python-wheels");
  const wheel = existsSync(wheels) ? readdirSync(wheels).find((name) => name.startsWith("pip-")) : undefined;
  if (wheel === undefined) {
    throw new SetupError("this Python has no pip, and none could be had", "apt-get install python3-pip");
  }
  return [python, join(wheels, wheel, "pip")];
}
