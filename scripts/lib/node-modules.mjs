import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { npmInstall } from "./npm.mjs";
import { checkout } from "./paths.mjs";
import { withProgress } from "./progress.mjs";

/**
 * Makes node_modules hold what package-lock.json names.
 *
 * @param {{dev: boolean}} options `dev` adds what tests and lint need: two thirds of everything
 */
export async function ensureNodeModules({ dev }) {
  if (!isUpToDate(checkout, dev)) {
    await withProgress("node modules", () => npmInstall(checkout, { dev: dev || hasDevPackages(checkout) }));
  }
}

/** Whether what tests need was installed: then an update leaves it there. */
function hasDevPackages(folder) {
  return Object.values(packagesOf(join(folder, "node_modules/.package-lock.json")) ?? {}).some(
    (entry) => entry.dev === true,
  );
}

/**
 * Whether node_modules holds what package-lock.json names. npm's own list of what it installed is compared with the lock,
 * so that what a person installed by hand counts too and is not thrown away.
 *
 * @param {string} folder
 * @param {boolean} dev whether what only tests and lint need counts
 */
export function isUpToDate(folder, dev) {
  const installed = packagesOf(join(folder, "node_modules/.package-lock.json"));
  const all = Object.entries(packagesOf(join(folder, "package-lock.json")) ?? {});
  const wanted = all.filter(([path, entry]) => path.startsWith("node_modules/") && (dev || entry.dev !== true));
  return installed !== undefined && wanted.every(([path, entry]) => isInstalled(folder, path, entry, installed));
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
