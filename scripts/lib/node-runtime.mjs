import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { fillFolder } from "./fresh-folder.mjs";
import { npmInstall } from "./npm.mjs";
import { checkout, toolsFolder } from "./paths.mjs";
import { withProgress } from "./progress.mjs";
import { ask, isAtLeast } from "./run.mjs";
import { SetupError } from "./setup-error.mjs";

// The first release that runs erasable TypeScript without a flag.
const oldestNode = "22.18.0";

/**
 * A Node that runs TypeScript as it is: the one that runs this, else one from npm. It is not among the checkout's own
 * dependencies, because a machine whose Node is new enough has no use for its 40 MB.
 *
 * @returns {Promise<string>} the path of its binary
 */
export async function ensureNode() {
  if (isAtLeast(process.versions.node, oldestNode)) {
    return process.execPath;
  }
  const folder = join(toolsFolder, "node-runtime");
  const node = join(folder, "node_modules", `node-${process.platform}-${process.arch}`, "bin", "node");
  if (existsSync(node)) {
    return node;
  }
  await withProgress(`a current Node (this one is ${process.versions.node})`, () =>
    fillFolder(folder, async (fresh) => {
      for (const file of ["package.json", "package-lock.json", ".npmrc"]) {
        copyFileSync(join(checkout, "scripts/node-runtime", file), join(fresh, file));
      }
      await npmInstall(fresh, { dev: false });
    }),
  );
  if (ask(node, ["--version"]) === undefined) {
    throw new SetupError(
      `no Node for ${process.platform} ${process.arch} came from npm`,
      `install Node ${oldestNode} or later`,
    );
  }
  return node;
}
