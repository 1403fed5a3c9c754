import { resolve } from "node:path";
import { runOnNode } from "./lib/on-node.mjs";
import { runScript } from "./lib/run-script.mjs";
import { setup } from "./lib/setup.mjs";
import { SetupError } from "./lib/setup-error.mjs";

// "node scripts/on-node.mjs <file> …": sets up, then runs a TypeScript file on the Node that set-up chose.
const [file, ...args] = process.argv.slice(2);
await runScript(async () => {
  if (file === undefined) throw new SetupError("no file to run was named", "name one: node scripts/on-node.mjs <file>");
  const { node } = await setup({ dev: true });
  return runOnNode(node, [resolve(file), ...args]);
});
