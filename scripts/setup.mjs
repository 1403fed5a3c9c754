import { runScript } from "./lib/run-script.mjs";
import { say } from "./lib/progress.mjs";
import { setup } from "./lib/setup.mjs";

// "npm run setup": brings what is missing, starts nothing. With --dev also what tests and lint need.
await runScript(async () => {
  const tools = await setup({ dev: process.argv.includes("--dev") });
  say(`everything is there:\n${JSON.stringify(tools, null, 2)}`);
  return 0;
});
