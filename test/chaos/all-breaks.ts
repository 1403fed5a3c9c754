import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { BREAKS } from "./breaks.ts";

// Each in a process of its own, as people run it; fails when one of them is not caught.
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(BREAKS);
const missed = names.filter((name) => {
  console.log(`${name}: ${BREAKS[name]?.about ?? "there is no such rule"}`);
  const args = [join(import.meta.dirname, "chaos.ts"), "--break", name, "--seed", "1"];
  const { status } = spawnSync(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  return status !== 0;
});
console.log(
  `${names.length - missed.length} passed, ${missed.length} failed${missed.length > 0 ? `: ${missed.join(", ")}` : ""}`,
);
process.exit(missed.length > 0 ? 1 : 0);
