/**
 * How many one-step runs a second a runner's host, a real Python worker and its sandboxed environments carry, and what a
 * run costs in each process. Nothing else of the house takes part.
 *
 *     node packages/runner/bench/session.ts [--runs 5000] [--concurrency 16] [--workers 1] [--commit-ms 0]
 */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { parseSettings, runnerSettings } from "@millrace/config";
import { session } from "@millrace/protocol";
import { loadTools } from "@millrace/provision";
import { createLogger } from "@millrace/telemetry";
import { scratchFolder } from "@millrace/testkit";

import { toDuration } from "../src/active-run.ts";
import { WorkerHost } from "../src/worker-host/worker-host.ts";
import { configureFrame, workerCommand } from "../src/worker-settings.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5000" },
    concurrency: { type: "string", default: "16" },
    workers: { type: "string", default: "1" },
    /** How long after a step's end its commit is known. */
    "commit-ms": { type: "string", default: "0" },
  },
});
const runs = Number(values.runs);
const concurrency = Number(values.concurrency);
const commitMs = Number(values["commit-ms"]);
const folder = scratchFolder();
// An environment is shown the folder of package sets, which a runner makes at its start.
mkdirSync(join(folder, "packages/sets"), { recursive: true });
const settings = parseSettings(runnerSettings, {
  args: [],
  env: {
    MILLRACE_DATA_DIR: folder,
    MILLRACE_PYTHON: loadTools().python,
    MILLRACE_WORKERS: values.workers,
    MILLRACE_SLOTS: values.concurrency,
  },
});
const version: session.LoadVersion = {
  versionId: "v1",
  memoryBytes: 0,
  limits: undefined,
  stepTimeout: undefined,
  modules: [],
  packages: undefined,
  steps: [
    {
      path: "steps/0",
      name: "greet",
      fileName: "greet.py",
      source: "def handler(pd):\n    return {'name': pd.steps['trigger']['event']['name']}\n",
      inputs: [],
      timeout: undefined,
    },
  ],
};

/** CPU seconds of a process so far. */
function cpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

/** A process and all below it. */
function family(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) => {
    try {
      return readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
    } catch {
      return [];
    }
  });
  return [pid, ...children.flatMap(family)];
}

function start(number: number): session.StartRun {
  const runId = `01900000-0000-7000-8000-${number.toString(16).padStart(12, "0")}`;
  return {
    ...session.StartRun.decode(new Uint8Array(0)),
    assignment: { runId, number: 1 },
    versionId: "v1",
    eventJson: Buffer.from('{"id":1,"name":"Bulbasaur","type":"plant"}'),
    contextJson: Buffer.from(`{"id":"${runId}","trace_id":"0","workflow_name":"bench"}`),
    runTimeLeft: toDuration(300_000),
    life: toDuration(60_000),
  };
}

let started = 0;
let ended = 0;
let failed = 0;
let target = 0;
let onDone: () => void = () => undefined;
const host = new WorkerHost(
  {
    workers: settings.workers,
    dataFolder: folder,
    command: (socketPath, token, workerId) => workerCommand(settings, { socketPath, token, workerId }),
    configure: configureFrame(settings, 8 * 1024 * 1024),
    restart: { firstMs: 100, maxMs: 5000, stableAfterMs: 10_000, sessionTimeoutMs: 20_000 },
    limits: { versionsMax: 10, framesMax: 100_000, bytesMax: 256 * 1024 * 1024 },
    keepaliveMs: 10_000,
    checkTimeoutMs: 10_000,
    log: createLogger({ level: "warn" }),
  },
  {
    stepStarted: () => undefined,
    stepFinished: ({ assignment, result }) => {
      if (result!.failure !== undefined) failed++;
      if (commitMs === 0) host.endRun(assignment!);
      else setTimeout(() => host.endRun(assignment!), commitMs);
    },
    responded: () => undefined,
    logLines: () => undefined,
    runGone: () => {
      ended++;
      if (started < target) host.startRun(start(started++), version);
      else if (ended === target) onDone();
    },
    readyChanged: () => undefined,
    inventoryChanged: () => undefined,
    failed: (error) => {
      throw error;
    },
  },
);

async function burst(count: number): Promise<void> {
  target = started + count;
  const done = new Promise<void>((resolve) => (onDone = resolve));
  for (let i = 0; i < Math.min(concurrency, count); i++) host.startRun(start(started++), version);
  await done;
}

await host.start();
while (host.workers().some(({ ready }) => !ready)) await new Promise((resolve) => setTimeout(resolve, 20));
await burst(concurrency * 20);
const pids = host.workers().map(({ pid }) => pid!);
const environments = pids.flatMap((pid) => family(pid).slice(1));
const before = { node: process.cpuUsage(), worker: pids.map(cpuSeconds), environments: environments.map(cpuSeconds) };
const beginMs = performance.now();
await burst(runs);
const seconds = (performance.now() - beginMs) / 1000;
const node = process.cpuUsage(before.node);
const spent = (list: number[], earlier: number[]) =>
  list.reduce((sum, pid, index) => sum + cpuSeconds(pid) - earlier[index]!, 0);
const perRun = (cpu: number) => `${((cpu * 1000) / runs).toFixed(3)} ms`;
process.stdout.write(
  [
    `runs/s            ${(runs / seconds).toFixed(0)}  (${runs} one-step runs, ${concurrency} at a time, ${failed} failed)`,
    `CPU per run: node ${perRun((node.user + node.system) / 1e6)}`,
    `           worker ${perRun(spent(pids, before.worker))}`,
    `     environments ${perRun(spent(environments, before.environments))}`,
    "",
  ].join("\n"),
);
await host.stop(2000);
process.exit(0);
