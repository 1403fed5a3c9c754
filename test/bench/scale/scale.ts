/**
 * How a house grows: with runners whose steps do nothing but wait, and with schedulers, which are given runners that end each
 * run at once. What a scheduler does is told in processor time too, since one machine has cores for only so much at a time.
 */
import { cpus } from "node:os";
import type { RunSpec } from "@millrace/core";
import type pg from "pg";
import { ExtraProcess, pidOf } from "../../harness/extra-process.ts";
import { parseOptions } from "../../harness/parse-options.ts";
import { TestHouse, type HouseProcess } from "../../harness/test-house.ts";
import { spreadOver } from "../../harness/spread-over.ts";
import { cpuByRole } from "../process-usage.ts";
import { deployMany, timeRuns } from "../throughput.ts";
import { CpuQuota } from "./cpu-quota.ts";
import { FleetProcess, POOL } from "./fleet-process.ts";

const values = parseOptions(
  "npm run bench:scale",
  "Measures how throughput grows with runners, whose steps wait, and with schedulers, whose runners are simulated.",
  {
    seconds: { type: "string", value: "N", default: "8", about: "length of each measurement with real runners" },
    runs: { type: "string", value: "N", default: "10000", about: "runs of each measurement with simulated runners" },
    quota: {
      type: "string",
      value: "PERCENT",
      default: "15",
      about: "of a core, for schedulers that are to be at their limit",
    },
    only: { type: "string", value: "PART", about: "`runners`, `schedulers` or `saturated`" },
  },
);

const SLOTS = 4;
const SLEEP_MS = 100;
const SLEEPER = `import time\n\n\ndef handler(pd):\n    time.sleep(${SLEEP_MS / 1000})\n`;
/** Simulated: more slots than runs are open, so that runners are no bound. */
const FLEET = { runners: 8, slots: 64, partitions: 256 };
/** For each scheduler: what a run costs it depends on how many others share its commits. */
const OPEN = 240;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function scaleRunners(house: TestHouse, db: pg.Client): Promise<void> {
  await house.deploy({ name: "sleeper", triggers: [{ http: {} }], steps: { sleep: SLEEPER } });
  await using extras = new AsyncDisposableStack();
  let before = 0;
  for (let runners = 1; runners <= 4; runners *= 2) {
    for (let have = runners / 2; have >= 1 && have < runners; have++) {
      extras.use(await ExtraProcess.start(house, "runner", `more-${have}`));
    }
    const most = (runners * SLOTS * 1000) / SLEEP_MS;
    // Two seconds of it first: environments become warm.
    await timeRuns(house, db, ["workflows/sleeper"], 2 * most);
    const runs = most * Number(values.seconds);
    const perSecond = runs / (await timeRuns(house, db, ["workflows/sleeper"], runs));
    const growth = before === 0 ? "" : `, ${(perSecond / before).toFixed(2)} times as many as with half of them`;
    say(`${runners} runners of ${SLOTS} slots: ${perSecond.toFixed(1)} runs/s, ${most} at most${growth}`);
    before = perSecond;
  }
}

async function scaleSchedulers(house: TestHouse, db: pg.Client): Promise<void> {
  const specs = await deploySpecs(house, db);
  await using fleet = await FleetProcess.start(house, FLEET);
  await place("1 scheduler, 1 workflow", house, fleet, specs.slice(0, 1), []);
  await place("1 scheduler, 200 workflows", house, fleet, specs, []);
  await using second = await ExtraProcess.start(house, "scheduler", "second");
  await spreadOver(house, 2);
  await place("2 schedulers, 200 workflows", house, fleet, specs, [second]);
}

/** One and two schedulers that get no more than a part of a core each, so that they are what bounds, and not this machine. */
async function scaleSaturated(house: TestHouse, db: pg.Client): Promise<void> {
  const specs = await deploySpecs(house, db);
  await using fleet = await FleetProcess.start(house, FLEET);
  await using quota = new CpuQuota(Number(values.quota));
  await quota.bind(await pidOf(house, "scheduler"));
  const one = await place(`1 scheduler with ${values.quota} % of a core`, house, fleet, specs, []);
  await using second = await ExtraProcess.start(house, "scheduler", "second");
  await spreadOver(house, 2);
  await quota.bind(second.pid);
  const two = await place(`2 schedulers with ${values.quota} % of a core each`, house, fleet, specs, [second]);
  say(`two place ${(two / one).toFixed(2)} times as much as one`);
}

/** What owners know of 200 workflows, but that their runs go to the simulated runners. */
async function deploySpecs(house: TestHouse, db: pg.Client): Promise<RunSpec[]> {
  await deployMany(house, 200, 1);
  // A run that changes hands is read with the spec of its version: it must not go to the house's own runner, which would have to
  // start environments for it in the middle of the measurement.
  await db.query("UPDATE versions SET spec = jsonb_set(spec::jsonb, '{pool}', to_jsonb($1::text))::json", [POOL]);
  const { rows } = await db.query<RunSpec & { spec: object }>(
    `SELECT w.project_id AS "projectId", w.id AS "workflowId", v.id AS "versionId", v.spec
       FROM workflows w JOIN versions v ON v.id = w.version_id WHERE w.name LIKE 'bench-1-of-200-%'`,
  );
  return rows.map(({ spec, ...ids }) => ({ ...ids, ...(spec as RunSpec), pool: POOL, pythonMinor: "" }));
}

async function place(
  name: string,
  house: TestHouse,
  fleet: FleetProcess,
  specs: readonly RunSpec[],
  extras: readonly ExtraProcess[],
): Promise<number> {
  const runs = Number(values.runs);
  const open = OPEN * (1 + extras.length);
  // A scheduler that has just started, and gets a part of a core, compiles its code for a long while.
  await fleet.play({ specs, runs: runs * (1 + extras.length), open });
  const processes: { role: string; pid: number | null }[] = [...(await house.processes())];
  processes.push({ role: "fleet", pid: fleet.pid });
  for (const { pid } of extras) processes.push({ role: "scheduler", pid });
  const before = cpuByRole(processes as HouseProcess[]);
  const seconds = await fleet.play({ specs, runs, open });
  const spent = new Map(
    [...cpuByRole(processes as HouseProcess[])].map(([role, cpu]) => [role, cpu - before.get(role)!]),
  );
  const micros = (role: string) => Math.round(((spent.get(role) ?? 0) * 1e6) / runs);
  const total = [...spent.values()].reduce((sum, one) => sum + one, 0);
  const busy = ((spent.get("scheduler") ?? 0) / seconds / (1 + extras.length)) * 100;
  say(
    `${name}: ${Math.round(runs / seconds)} runs/s placed; a scheduler is busy for ${busy.toFixed(0)} % of a core, ` +
      `all processes for ${((total / seconds) * 100).toFixed(0)} % of ${cpus().length}\n` +
      `  CPU a run: schedulers ${micros("scheduler")} µs (one core places ${Math.round(1e6 / micros("scheduler"))} runs/s), ` +
      `nats ${micros("nats")}, postgres ${micros("postgres")}, simulated runners and gateway ${micros("fleet")}`,
  );
  return runs / seconds;
}

const PARTS = { runners: scaleRunners, schedulers: scaleSchedulers, saturated: scaleSaturated };

for (const [name, measure] of Object.entries(PARTS)) {
  if (values.only !== undefined && values.only !== name) continue;
  const house = await TestHouse.start({ separate: true, environment: { MILLRACE_SLOTS: String(SLOTS) } });
  try {
    const db = await house.connectDatabase();
    db.on("error", () => undefined);
    await measure(house, db);
    await db.end();
  } finally {
    await house.stop();
  }
}
