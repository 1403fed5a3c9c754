import { join } from "node:path";
import { runOnNode } from "./lib/on-node.mjs";
import { checkout, toolsFolder } from "./lib/paths.mjs";
import { say } from "./lib/progress.mjs";
import { runScript } from "./lib/run-script.mjs";
import { setup } from "./lib/setup.mjs";

// "npm start" and, with --once, "npm run demo": from a fresh clone to an answer. Arguments go on to the house.
const startMs = Date.now();
await runScript(async () => {
  const { node } = await setup({ dev: false });
  say("starting Postgres, NATS, gateway, scheduler and runner …");
  const main = join(checkout, "packages/cli/src/dev/start-main.ts");
  const own = { MILLRACE_START_MS: String(startMs), NODE_COMPILE_CACHE: join(toolsFolder, "compile-cache") };
  return runOnNode(node, [main, ...process.argv.slice(2)], { ...process.env, ...own });
});
