import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fillFolder } from "./fresh-folder.mjs";
import { ask, run } from "./run.mjs";

const isRoot = () => process.getuid() === 0;

/** Whether this machine installs its packages with apt. */
export function hasApt() {
  return ask("apt-get", ["--version"]) !== undefined;
}

/**
 * Installs packages of the system; root only.
 *
 * @param {string[]} names
 */
export async function aptInstall(...names) {
  const options = {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    remedy: `run "apt-get update && apt-get install ${names.join(" ")}" by hand and read what it says`,
  };
  const install = () => run("apt-get", ["install", "-y", "--no-install-recommends", ...names], options);
  // A fresh machine has no package lists, an old one lists whose versions are gone.
  await install().catch(async () => {
    await run("apt-get", ["update"], options);
    await install();
  });
}

/**
 * Unpacks packages of the system into a folder, without installing them and without rights.
 *
 * @param {string[]} names
 * @param {string} folder
 */
export function aptDownload(names, folder) {
  const remedy = `ask the machine's administrator for "apt-get install ${names.join(" ")}"`;
  return fillFolder(folder, async (fresh) => {
    const download = (settings) => run("apt-get", [...settings, "download", ...names], { cwd: fresh, remedy });
    await download([]).catch(async () => {
      // Lists of our own, for a machine whose lists are missing or old and are not ours to refresh.
      const settings = isRoot() ? [] : privateLists(join(fresh, "apt"));
      await run("apt-get", [...settings, "update"], { cwd: fresh, remedy });
      await download(settings);
    });
    for (const archive of readdirSync(fresh).filter((file) => file.endsWith(".deb"))) {
      await run("dpkg", ["-x", join(fresh, archive), fresh], { remedy });
    }
    rmSync(join(fresh, "apt"), { recursive: true, force: true });
  });
}

function privateLists(folder) {
  const lists = join(folder, "lists");
  const cache = join(folder, "cache");
  for (const part of [join(lists, "partial"), join(cache, "archives/partial")]) {
    mkdirSync(part, { recursive: true });
  }
  return ["-o", `Dir::State::lists=${lists}`, "-o", `Dir::Cache=${cache}`, "-o", "Debug::NoLocking=1"];
}
