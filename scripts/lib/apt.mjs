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
 * Installs a package of the system; root only.
 *
 * @param {string} name
 */
export async function aptInstall(name) {
  const options = {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    remedy: `run "apt-get update && apt-get install ${name}" by hand and read what it says`,
  };
  const install = () => run("apt-get", ["install", "-y", "--no-install-recommends", name], options);
  // A fresh machine has no package lists, an old one lists whose versions are gone.
  await install().catch(async () => {
    await run("apt-get", ["update"], options);
    await install();
  });
}

/**
 * Unpacks a package of the system into a folder, without installing it and without rights.
 *
 * @param {string} name
 * @param {string} folder
 */
export function aptDownload(name, folder) {
  const remedy = `ask the machine's administrator for "apt-get install ${name}"`;
  return fillFolder(folder, async (fresh) => {
    const download = (settings) => run("apt-get", [...settings, "download", name], { cwd: fresh, remedy });
    await download([]).catch(async () => {
      // Lists of our own, for a machine whose lists are missing or old and are not ours to refresh.
      const settings = isRoot() ? [] : privateLists(join(fresh, "apt"));
      await run("apt-get", [...settings, "update"], { cwd: fresh, remedy });
      await download(settings);
    });
    const archive = readdirSync(fresh).find((file) => file.endsWith(".deb"));
    await run("dpkg", ["-x", join(fresh, archive), fresh], { remedy });
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
