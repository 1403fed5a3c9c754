import { existsSync } from "node:fs";
import { join } from "node:path";
import { aptDownload, aptInstall, hasApt } from "./apt.mjs";
import { toolsFolder } from "./paths.mjs";
import { say, withProgress } from "./progress.mjs";
import { ask } from "./run.mjs";
import { SetupError } from "./setup-error.mjs";

/**
 * Bubblewrap, which makes the sandbox: the machine's own, else installed from the system's packages as root, else its
 * package unpacked beside the other tools. It needs no rights of its own.
 *
 * @returns {Promise<string>} the path of the binary
 */
export async function ensureBubblewrap() {
  const folder = join(toolsFolder, "bubblewrap");
  const unpacked = join(folder, "usr/bin/bwrap");
  const there = existsSync(unpacked) ? unpacked : findBubblewrap();
  if (there !== undefined) {
    return there;
  }
  if (!hasApt()) {
    throw new SetupError(
      "bubblewrap is missing",
      "install it with the system's package manager, e.g. dnf install bubblewrap",
    );
  }
  await withProgress("bubblewrap", async () => {
    if (process.getuid() === 0) {
      await aptInstall("bubblewrap").catch((error) => say(`${error.message}\n  so the package is unpacked instead`));
    }
    if (findBubblewrap() === undefined) {
      await aptDownload(["bubblewrap"], folder);
    }
  });
  return findBubblewrap() ?? unpacked;
}

function findBubblewrap() {
  return ask("which", ["bwrap"]);
}
