import { accessSync, constants, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { ensureBubblewrap } from "./bubblewrap.mjs";
import { ensureChromium } from "./chromium.mjs";
import { ensureNatsServer } from "./nats-server.mjs";
import { ensureNetworkTools } from "./network-tools.mjs";
import { ensureNodeModules } from "./node-modules.mjs";
import { ensureNode } from "./node-runtime.mjs";
import { toolsFile, toolsFolder } from "./paths.mjs";
import { ensurePostgres } from "./postgres.mjs";
import { ensurePython } from "./python.mjs";
import { withSetupLock } from "./setup-lock.mjs";
import { SetupError } from "./setup-error.mjs";
import { ensureWeb } from "./web.mjs";

/**
 * Brings whatever is missing on this machine, side by side, and writes down where each tool is. With everything there it
 * only looks.
 *
 * @param {{dev: boolean}} options `dev` adds what tests and lint need
 * @returns {Promise<{node: string, python: string, natsServer: string, postgres: string, bwrap: string, slirp4netns?: string, nft?: string, chromium?: string}>}
 */
export async function setup(options) {
  checkPlatform();
  checkFolder();
  return withSetupLock(async () => {
    const [node, python, natsServer, postgres, bwrap] = await Promise.all([
      ensureNode(),
      ensurePython(options),
      ensureNatsServer(),
      ensureNodeModules(options).then(ensurePostgres),
      ensureBubblewrap(),
    ]);
    await ensureWeb(node);
    // Behind bubblewrap: the system's package manager does one thing at a time.
    const network = await ensureNetworkTools();
    const chromium = options.dev ? await ensureChromium() : {};
    const tools = { node, python, natsServer, postgres, bwrap, ...network, ...chromium };
    writeTools(JSON.stringify(tools, null, 2));
    return tools;
  });
}

function writeTools(text) {
  let before;
  try {
    before = readFileSync(toolsFile, "utf8");
  } catch {
    before = undefined;
  }
  if (before !== text) {
    writeFileSync(`${toolsFile}.new`, text);
    renameSync(`${toolsFile}.new`, toolsFile);
  }
}

function checkPlatform() {
  if (process.platform !== "linux") {
    throw new SetupError(
      `Millrace runs on Linux: its sandbox is made of Linux namespaces, and this is ${process.platform}`,
      "start it in a Linux virtual machine or on a Linux server; a Mac can use one made with Lima or OrbStack, Windows WSL 2",
    );
  }
  if (!["x64", "arm64"].includes(process.arch)) {
    throw new SetupError(`there is no Postgres for ${process.arch} to bring`, "use an x86-64 or arm64 machine");
  }
}

function checkFolder() {
  try {
    mkdirSync(toolsFolder, { recursive: true });
    accessSync(toolsFolder, constants.W_OK);
  } catch (error) {
    const remedy = "clone the repository as the user who starts it, or set MILLRACE_TOOLS to a folder of yours";
    throw new SetupError(`${toolsFolder} cannot be written: ${error.message}`, remedy);
  }
}
