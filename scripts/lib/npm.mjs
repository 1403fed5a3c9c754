import { accessSync, constants, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { toolsFolder } from "./paths.mjs";
import { run } from "./run.mjs";

/**
 * Installs what a folder's lock file names, hashes checked by npm, and leaves the lock file as it is. Not `npm ci`: that
 * refuses a lock file without the packages of other platforms, and a mirror that serves one platform makes such lock
 * files; it also throws away a node_modules that is almost right. Install scripts stay off: nothing we use needs one, and
 * one that runs as root is a risk.
 *
 * @param {string} folder
 * @param {{dev: boolean}} options `dev` adds what only development needs
 */
export async function npmInstall(folder, { dev }) {
  const extent = [dev ? "--include=dev" : "--omit=dev", "--include=optional"];
  const args = ["install", "--no-save", ...extent, "--ignore-scripts", "--no-audit", "--no-fund"];
  const options = {
    cwd: folder,
    env: npmEnvironment(),
    remedy: "check that npm reaches its registry (npm ping) and that the disk has room, then start again",
  };
  const npm = process.env.npm_execpath;
  await (npm?.endsWith(".js") ? run(process.execPath, [npm, ...args], options) : run("npm", args, options));
}

// Inside "npm start" npm's own variables name this project; the inner npm must find its folder by itself.
function npmEnvironment() {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^npm_(package|lifecycle|command|node_execpath)/.test(name) && name !== "npm_config_local_prefix",
  );
  const environment = Object.fromEntries(inherited);
  if (!isWritable(homedir()) && environment.npm_config_cache === undefined) {
    environment.npm_config_cache = join(toolsFolder, "npm-cache");
    mkdirSync(environment.npm_config_cache, { recursive: true });
  }
  return environment;
}

function isWritable(folder) {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
