/**
 * What a one-step run costs the whole runner process: a real NATS server, this script as owner and gateway, the real
 * Python worker.
 *
 *     node packages/runner/bench/process.ts [--runs 5000] [--concurrency 16] [--lines 0]
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { control } from "@millrace/protocol";

import { House, plainVersion } from "../test/house.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5000" },
    concurrency: { type: "string", default: "16" },
    lines: { type: "string", default: "0" },
  },
});
const runs = Number(values.runs);
const concurrency = Number(values.concurrency);

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const { house, nats } = await House.open();
const source = `def handler(pd):\n    for i in range(${Number(values.lines)}):\n        print("line", i)\n    return 1\n`;
house.versions.set("v1", plainVersion("v1", source));
const env = {
  MILLRACE_SLOTS: String(concurrency),
  ...(process.env["PROFILE"] && { NODE_OPTIONS: process.env["PROFILE"] }),
};
const child = house.startRunner(nats, env, false);
await house.ready();

let started = 0;
let ended = 0;
let target = 0;
let onDone: () => void = () => undefined;
house.channels.checkpoint(1).listen((checkpoint) => {
  house.checkpoints.length = 0;
  house.commit(checkpoint, control.AfterCommit.END);
  ended++;
  if (started < target) assign();
  else if (ended >= target) onDone();
});
house.channels.refused(1).listen(() => {
  started--;
  setTimeout(assign, 20);
});

function assign(): void {
  started++;
  house.assign({ event: { id: 1, name: "Bulbasaur", type: "plant" } });
}

async function burst(count: number): Promise<void> {
  target = started + count;
  const done = new Promise<void>((resolve) => (onDone = resolve));
  for (let i = 0; i < Math.min(concurrency, count); i++) assign();
  await done;
}

await burst(concurrency * 40);
const runner = cpuSeconds(child.pid!);
const beginMs = performance.now();
await burst(runs);
const seconds = (performance.now() - beginMs) / 1000;
process.stdout.write(
  `runs/s ${(runs / seconds).toFixed(0)}; CPU of the runner ${(((cpuSeconds(child.pid!) - runner) * 1000) / runs).toFixed(3)} ms a run\n`,
);
const exited = new Promise((resolve) => child.once("exit", resolve));
child.kill("SIGTERM");
await exited;
await house.close();
await nats.stop();
process.exit(0);
