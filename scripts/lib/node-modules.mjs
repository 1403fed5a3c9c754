import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { npmInstall } from "./npm.mjs";
import { checkout } from "./paths.mjs";
import { withProgress } from "./progress.mjs";

/** Makes node_modules hold what package-lock.json names. */
export async function ensureNodeModules() {
  if (!isUpToDate(checkout)) {
    await withProgress("node modules", () => npmInstall(checkout));
  }
}

/**
 * Whether node_modules holds what package-lock.json names. npm's own list of what it installed is compared with the lock,
 * so that what a person installed by hand counts too and is not thrown away.
 *
 * @param {string} folder
 */
export function isUpToDate(folder) {
  const installed = packagesOf(join(folder, "node_modules/.package-lock.json"));
  const wanted = packagesOf(join(folder, "package-lock.json"));
  return (
    installed !== undefined &&
    Object.entries(wanted ?? {}).every(
      ([path, entry]) => !path.startsWith("node_modules/") || isInstalled(folder, path, entry, installed),
    )
  );
}

function isInstalled(folder, path, entry, installed) {
  const there = installed[path];
  if (there === undefined) {
    // What is optional and made for another platform is left out by npm.
    return entry.optional === true && !isForThisMachine(entry);
  }
  return there.version === entry.version && there.integrity === entry.integrity && existsSync(join(folder, path));
}

function isForThisMachine(entry) {
  const matches = (list, value) => list === undefined || [list].flat().includes(value);
  return matches(entry.os, process.platform) && matches(entry.cpu, process.arch) && matches(entry.libc, "glibc");
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    return undefined;
  }
}
