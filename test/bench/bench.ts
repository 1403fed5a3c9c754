import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { loadTools } from "@millrace/provision";
import pg from "pg";
import { parseOptions } from "../harness/parse-options.ts";
import { TestHouse, type HouseProcess } from "../harness/test-house.ts";
import { measureAccept } from "./accept.ts";
import { measureBareApp } from "./bare-app.ts";
import { measureCpuFloors, renderCpuFloors } from "./cpu-floors.ts";
import { longestBlocks, profileWhile, renderBusiest } from "./cpu-profile.ts";
import { measureDataStore } from "./data-store.ts";
import {
  measureGrpcExchange,
  measureHttpEcho,
  measureNatsRequest,
  measurePipeExchange,
  measurePostgresCommits,
} from "./floors.ts";
import { measureColdStart, measureHttp16, measureWarmHttp } from "./http-latency.ts";
import { measureAlone, renderHops } from "./hops.ts";
import { measureLogs } from "./logs.ts";
import { renderMarks } from "./marks.ts";
import { measureOverload, renderOverload } from "./overload.ts";
import { measurePackages } from "./packages.ts";
import { memoryByRole } from "./process-usage.ts";
import { round } from "./quantiles.ts";
import { measureSweep, renderSweep, SWEEP_NAMES, type SweepFigures } from "./sweep.ts";
import { sweepChart } from "./sweep-chart.ts";
import { renderKills, renderTable, type Figures } from "./table.ts";
import { deployMany, measureThroughput, type SubmitWay } from "./throughput.ts";
import { measureWallHops, renderWallHops } from "./wall-hops.ts";
import { measureWorkerKill } from "./worker-kill.ts";

const values = parseOptions(
  "npm run bench",
  "Measures a whole house on scratch data, beside the floors of its parts, all in one run on one machine. Durable runs are handed in by a call for each, and again as messages on one stream; with 128 under way, and without idempotency keys, either way.",
  {
    json: { type: "string", value: "FILE", about: "write the figures for machines, too" },
    quick: { type: "boolean", default: false, about: "a tenth of the work, for a first look" },
    hops: {
      type: "boolean",
      default: false,
      about: "only what a one-step run costs in each process, beside what it may, and where a request's time goes",
    },
    overload: {
      type: "boolean",
      default: false,
      about: "only what the house does with twice the requests that it can answer",
    },
    kill: {
      type: "boolean",
      default: false,
      about: "only what the kill of a worker costs a run that it had, twice as often as among the rest",
    },
    sweep: {
      type: "string",
      value: "NAMES",
      bare: "all",
      about: `only how the cost of a run grows: ${SWEEP_NAMES.join(", ")}, or all of them`,
    },
    charts: {
      type: "string",
      value: "FOLDER",
      about: "with --sweep: put the figures into its sweeps.json and draw them beside it",
    },
    separate: {
      type: "boolean",
      default: false,
      about: "with gateway and scheduler as processes of their own",
    },
    profile: {
      type: "string",
      value: "FOLDER",
      about: "with --hops: write CPU profiles of our processes, and their busiest functions",
    },
  },
);

/** What the data folder says of its house's servers. */
interface Access {
  readonly databasePassword: string;
  readonly ports: { readonly postgres: number };
}

/** Each needs a worker that has lived for a while. */
const KILLS = 10;

function say(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

async function measure(house: TestHouse, scale: number): Promise<Figures> {
  const access = JSON.parse(readFileSync(join(house.data, "house.json"), "utf8")) as Access;
  const url = databaseUrl(access.databasePassword, access.ports.postgres);
  const db = new pg.Client({ connectionString: url });
  // The house may be told to stop first; what was asked for then fails by itself.
  db.on("error", () => undefined);
  await db.connect();
  say("memory when idle");
  const idle = memoryByRole(await house.processes());
  say("floors");
  const floors = await measureFloors(db, scale);
  say("a bare web app");
  const postgresPid = (await house.processes()).find(({ role }) => role === "postgres")?.pid ?? 0;
  const bareApp = await measureBareApp(url, postgresPid, 4000 * scale);
  say("warm HTTP");
  // The 16 callers first: compilers need some thousand requests until the processes run as they will for the rest of their
  // lives (the first thousand requests of a house take about half as long again).
  const http16 = await measureHttp16(house, 6000 * scale);
  const warm = await measureWarmHttp(house, false, 3000 * scale);
  const immediate = await measureWarmHttp(house, true, 3000 * scale);
  say("cold starts");
  const cold = await measureColdStart(house, Math.max(10, 50 * scale));
  say("packages");
  const packages = await measurePackages(house, Math.max(3, 20 * scale));
  say("data stores");
  const dataStore = await measureDataStore(house, 1000 * scale);
  say("logs");
  const logs = await measureLogs(house, 1000 * scale);
  const durable = async (workflows: number, steps: number, way: SubmitWay = "calls") => {
    say(
      `durable runs: ${workflows} workflows, ${steps} steps, handed in by ${way === "calls" ? "calls" : "one stream"}`,
    );
    return measureThroughput(house, db, await deployMany(house, workflows, steps), 4000 * scale, { way });
  };
  const one = await durable(1, 1);
  const oneStreamed = await durable(1, 1, "stream");
  const one200 = await durable(200, 1);
  const three = await durable(1, 3);
  const threeStreamed = await durable(1, 3, "stream");
  const three200 = await durable(200, 3);
  say("kills of the worker");
  const kill = await measureWorkerKill(house, Math.max(3, KILLS * scale));
  say("accepting alone");
  // Last: its runs stay, waiting for a runner.
  const accept = await measureAccept(house, 20_000 * scale);
  await db.end();
  return {
    one_step_runs_per_s: one.runsPerSecond,
    one_step_runs_per_s_streamed: oneStreamed.runsPerSecond,
    one_step_runs_per_s_200_workflows: one200.runsPerSecond,
    three_step_runs_per_s: three.runsPerSecond,
    three_step_runs_per_s_streamed: threeStreamed.runsPerSecond,
    three_step_runs_per_s_200_workflows: three200.runsPerSecond,
    warm_http_ms: warm,
    warm_http_immediate_ms: immediate,
    http_16: http16,
    accept,
    cold_start_ms: cold,
    packages_ms: packages,
    data_store_p50_ms: dataStore,
    worker_kill_ms: kill,
    logs,
    cpu_s_per_1000_runs: one.cpuSecondsPer1000Runs,
    cpu_ms_per_run_by_process: one.cpuMsPerRunByRole,
    cpu_s_per_1000_runs_streamed: oneStreamed.cpuSecondsPer1000Runs,
    cpu_ms_per_run_by_process_streamed: oneStreamed.cpuMsPerRunByRole,
    idle_pss_mb: round([...idle.values()].reduce((sum, mb) => sum + mb, 0)),
    idle_pss_mb_by_process: Object.fromEntries([...idle].map(([role, mb]) => [role, round(mb)])),
    floors,
    bare_app: bareApp,
    machine: { cores: cpus().length, cpu: cpus()[0]?.model ?? "", node: process.version },
  };
}

function databaseUrl(password: string, port: number): string {
  return `postgres://millrace:${encodeURIComponent(password)}@127.0.0.1:${port}/millrace`;
}

/** The processes of the house that are Node's. */
function nodeProcesses(processes: readonly HouseProcess[]): { role: string; pid: number }[] {
  const roles = new Set<string>(["gateway", "scheduler", "hub", "runner"]);
  return processes.flatMap(({ role, pid }) => (pid !== null && roles.has(role) ? [{ role, pid }] : []));
}

async function measureBlocks(
  processes: readonly HouseProcess[],
  work: () => Promise<unknown>,
): Promise<Map<string, number>> {
  const watched = nodeProcesses(processes);
  const blocks = await longestBlocks(
    watched.map(({ pid }) => pid),
    work,
  );
  return new Map(watched.map(({ role, pid }) => [role, round(blocks.get(pid) ?? 0)]));
}

async function measureFloors(db: pg.Client, scale: number) {
  const { python } = loadTools();
  return {
    http_echo_ms: await measureHttpEcho(3000 * scale),
    nats_request_ms: await measureNatsRequest(3000 * scale),
    grpc_exchange_ms: await measureGrpcExchange(python, 3000 * scale),
    pipe_exchange_ms: await measurePipeExchange(python, 3000 * scale),
    ...(await measurePostgresCommits(db, 1000 * scale)),
  };
}

/** What a run costs hop by hop, for whoever changes one of them. */
async function measureHops(house: TestHouse, scale: number): Promise<void> {
  const db = await house.connectDatabase();
  db.on("error", () => undefined);
  const processes = await house.processes();
  const workflows = await deployMany(house, 1, 1);
  say("runs under load");
  const loaded = await measureThroughput(house, db, workflows, 4000 * scale);
  say("event loops under load");
  const blocks = await measureBlocks(processes, () => measureThroughput(house, db, workflows, 4000 * scale));
  say("runs one at a time");
  process.stdout.write(renderHops(loaded, await measureAlone(house, processes, 1000 * scale), blocks));
  say("floors");
  const floors = await measureFloors(db, scale);
  say("CPU of the parts alone");
  const postgresPid = processes.find(({ role }) => role === "postgres")?.pid ?? 0;
  const parts = await measureCpuFloors(db, postgresPid, loadTools().python, 20_000 * scale);
  process.stdout.write(`\n${renderCpuFloors(parts)}`);
  say("wall time, in a house with spans");
  process.stdout.write(`\n${renderWallHops(await measureWallHops(1000 * scale, floors))}`);
  if (values.profile !== undefined) {
    mkdirSync(values.profile, { recursive: true });
    for (const { role, pid } of nodeProcesses(processes)) {
      say(`profile of the ${role}`);
      const profile = await profileWhile(pid, () => measureThroughput(house, db, workflows, 2000 * scale));
      writeFileSync(join(values.profile, `${role}.cpuprofile`), JSON.stringify(profile));
      process.stdout.write(`\n${role}\n${renderBusiest(profile, 25)}`);
    }
  }
  await db.end();
}

if (values.sweep === undefined) await inOneHouse();
else await sweep(values.sweep === "all" ? SWEEP_NAMES : values.sweep.split(","));

async function inOneHouse(): Promise<void> {
  say("starting a house on scratch data");
  const house = await TestHouse.start({ separate: values.separate });
  const scale = values.quick ? 0.1 : 1;
  try {
    if (values.hops) await measureHops(house, scale);
    else if (values.overload) await measureBeyond(house, scale);
    else if (values.kill) await measureKills(house, scale);
    else await measureAll(house, scale);
  } finally {
    await house.stop();
  }
}

/** Each sweep by itself: what is measured is written down when the next one begins. */
async function sweep(names: readonly string[]): Promise<void> {
  const unknown = names.find((name) => !SWEEP_NAMES.includes(name));
  if (unknown !== undefined) {
    say(`there is no sweep ${JSON.stringify(unknown)}; there are ${SWEEP_NAMES.join(", ")}`);
    process.exitCode = 2;
    return;
  }
  const all: Record<string, SweepFigures> = {};
  for (const name of names) {
    const figures = await measureSweep(name, (options) => TestHouse.start(options), values.quick, say);
    all[name] = figures;
    process.stdout.write(renderSweep(name, figures));
    if (values.charts !== undefined) draw(values.charts, name, figures);
  }
  writeJson(all);
}

function draw(folder: string, name: string, figures: SweepFigures): void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "sweeps.json");
  const before = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Record<string, SweepFigures>) : {};
  writeFileSync(path, `${JSON.stringify({ ...before, [name]: figures }, null, 2)}\n`);
  writeFileSync(join(folder, `${name}.svg`), sweepChart(figures));
}

async function measureBeyond(house: TestHouse, scale: number): Promise<void> {
  const lengths = { capacityS: 10, normalS: 60 * scale, overloadS: 120 * scale, recoveryS: Math.max(5, 20 * scale) };
  const figures = await measureOverload(house, lengths, say);
  process.stdout.write(renderOverload(figures));
  writeJson(figures);
}

async function measureKills(house: TestHouse, scale: number): Promise<void> {
  const figures = await measureWorkerKill(house, Math.max(3, 2 * KILLS * scale));
  process.stdout.write(`kill of a worker until its step runs again: ${renderKills(figures)}\n`);
  writeJson(figures);
}

function writeJson(figures: object): void {
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, null, 2)}\n`);
}

async function measureAll(house: TestHouse, scale: number): Promise<void> {
  const figures = await measure(house, scale);
  process.stdout.write(`${renderTable(figures)}\n${renderMarks(figures)}`);
  writeJson(figures);
}
