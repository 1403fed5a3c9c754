import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";

const checkout = join(import.meta.dirname, "../..");

/**
 * What stands for the release before this one: the sources at a commit of the first release that upgrades without a stop. It
 * moves to a release's own commit once there is a second one.
 */
export const PREVIOUS_RELEASE = "5a2663a65336dfaa33a49f98f9f6e6e64ab6e62d";

/** Why the sources at a commit cannot be had here; undefined when they can. */
export function missingHistory(commit: string): string | undefined {
  const found = git(["cat-file", "-e", `${commit}^{commit}`]).status === 0;
  return found ? undefined : `this clone lacks the commit ${commit}: fetch the whole history (git fetch --unshallow)`;
}

/** Unpacks the sources at a commit into a folder; they run with the modules that are installed for this checkout. */
export function unpackRelease(commit: string, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const archive = git(["archive", "--format=tar", commit, "package.json", "packages", "proto"]);
  const unpacked = spawnSync("tar", ["-x", "-C", folder], { input: archive.stdout });
  if (archive.status !== 0 || unpacked.status !== 0) {
    throw new Error(`git archive ${commit}: ${archive.stderr.toString()}${unpacked.stderr.toString()}`);
  }
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@millrace"), { recursive: true });
  const installed = join(checkout, "node_modules");
  for (const name of readdirSync(installed).filter((one) => one !== "@millrace" && !one.startsWith("."))) {
    symlinkSync(join(installed, name), join(modules, name));
  }
  for (const name of readdirSync(join(folder, "packages"))) {
    if (existsSync(join(folder, "packages", name, "package.json"))) {
      symlinkSync(join(folder, "packages", name), join(modules, "@millrace", name));
    }
  }
  return folder;
}

function git(args: readonly string[]) {
  return spawnSync("git", args, { cwd: checkout, maxBuffer: 512 * 1024 * 1024 });
}
