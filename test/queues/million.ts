/**
 * A million waiting and a million paused runs in a real house: what its scheduler's memory grows by, how long a takeover and the
 * first start after it take, how fast the queue drains, and that a run which waits in the record alone is read and cancelled
 * like any other. Prints a table, and fails when a bound is broken.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type pg from "pg";
import { parseOptions } from "../harness/parse-options.ts";
import { TestHouse } from "../harness/test-house.ts";
import { until } from "../harness/until.ts";
import { fillPaused, fillWaiting } from "./fill.ts";

const values = parseOptions(
  "npm test -- queues-million",
  "Fills a house's queues, kills its scheduler, and measures what the next one needs.",
  {
    waiting: { type: "string", value: "N", default: "1000000", about: "waiting runs" },
    paused: { type: "string", value: "N", default: "1000000", about: "paused runs" },
    accepted: { type: "string", value: "N", default: "12000", about: "runs that are accepted one by one" },
  },
);

/** Most MiB that the scheduler may grow by from 1,000 waiting runs to all of them. */
const GROWTH_MAX_MB = 96;
/** From the kill to the first run that a new scheduler has started and ended; 2 s of it the dead one's lease lives. */
const FIRST_END_MAX_MS = 15_000;
const DRAIN_MS = 20_000;
const CLIENTS = 32;

const rows: [string, string][] = [];
const note = (what: string, value: string): void => {
  rows.push([what, value]);
  process.stdout.write(`${what.padEnd(64)} ${value}\n`);
};

async function schedulerPid(house: TestHouse): Promise<number> {
  const found = (await house.processes()).find(({ role, ready }) => role === "scheduler" && ready);
  return found?.pid ?? 0;
}

/** Resident memory in MiB. */
function memoryOf(pid: number): number {
  const [, kb] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kb) / 1024;
}

async function count(database: pg.Client, text: string, values: unknown[] = []): Promise<number> {
  const { rows: found } = await database.query<{ n: string }>(`SELECT count(*) AS n FROM ${text}`, values);
  return Number(found[0]!.n);
}

/** Accepts so many runs by the API, as fast as some clients can. */
async function accept(house: TestHouse, workflow: string, runs: number): Promise<void> {
  let left = runs;
  const request = { parent: `workflows/${workflow}`, eventJson: '{"n":1}', requestId: "", waitTimeout: undefined };
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      while (left-- > 0) await house.client.runs.createRun({ ...request, priority: undefined });
    }),
  );
}

async function deployAll(house: TestHouse): Promise<Record<"waits" | "drains" | "sleeps" | "other", string>> {
  const settings = { queueLimit: 2_000_000 };
  const work = { work: "def handler(pd):\n    return 1\n" };
  const sleep = { nap: "def handler(pd):\n    pd.flow.delay(30 * 24 * 3600 * 1000)\n", after: "" };
  const deploy = async (name: string, steps: Record<string, string>, more = {}) =>
    (await house.deploy({ name, trigger: { http: {} }, steps, settings: { ...settings, ...more } })).id;
  return {
    waits: await deploy("waits", work, { pool: "nowhere" }),
    drains: await deploy("drains", work),
    sleeps: await deploy("sleeps", sleep),
    other: await deploy("other", work),
  };
}

/** Accepting ever more runs of a workflow that nothing starts leaves the memory flat. */
async function measureAccepting(house: TestHouse, runs: number): Promise<number> {
  await accept(house, "waits", 1_000);
  const pid = await schedulerPid(house);
  const before = memoryOf(pid);
  const startMs = performance.now();
  await accept(house, "waits", runs - 1_000);
  const perSecond = (runs - 1_000) / ((performance.now() - startMs) / 1000);
  note(`accepting ${runs - 1_000} further runs of one workflow`, `${perSecond.toFixed(0)} runs/s`);
  note("scheduler's memory with 1,000 waiting runs", `${before.toFixed(0)} MiB`);
  note(`the same with ${runs}`, `${memoryOf(pid).toFixed(0)} MiB`);
  return before;
}

/** Kills the scheduler; returns its successor's pid. */
async function measureTakeover(house: TestHouse, database: pg.Client, drains: string): Promise<number> {
  const old = await schedulerPid(house);
  const ended = () => count(database, "history_runs WHERE workflow_id = $1", [drains]);
  const before = await ended();
  process.kill(old, "SIGKILL");
  const startMs = performance.now();
  await until(async () => (await ended()) > before, 120_000);
  const firstMs = performance.now() - startMs;
  note("from kill -9 of the scheduler to the first end of a waiting run", `${(firstMs / 1000).toFixed(1)} s`);
  assert.ok(firstMs < FIRST_END_MAX_MS, `the first run ended after ${firstMs.toFixed(0)} ms`);
  let pid = 0;
  await until(async () => {
    pid = await schedulerPid(house);
    return pid !== 0 && pid !== old;
  }, 60_000);
  return pid;
}

async function measureDrain(database: pg.Client, pid: number, drains: string): Promise<void> {
  const ended = () => count(database, "history_runs WHERE workflow_id = $1", [drains]);
  const [before, startMs] = [await ended(), performance.now()];
  let peak = 0;
  while (performance.now() - startMs < DRAIN_MS) {
    peak = Math.max(peak, memoryOf(pid));
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  const rate = ((await ended()) - before) / ((performance.now() - startMs) / 1000);
  note("drain of a queue that is paged in", `${rate.toFixed(0)} runs/s`);
  note("scheduler's memory meanwhile, at most", `${peak.toFixed(0)} MiB`);
  const left = await count(database, "runs WHERE workflow_id = $1", [drains]);
  assert.ok(left === 0 || rate > 50, `only ${rate} runs/s, and ${left} are left`);
}

/** A run in the middle of the queue, which no process has in memory. */
async function measureParked(house: TestHouse, database: pg.Client, waits: string): Promise<void> {
  const { rows: found } = await database.query<{ id: string }>(
    "SELECT id FROM runs WHERE workflow_id = $1 AND parked ORDER BY sequence DESC LIMIT 1",
    [waits],
  );
  const name = `workflows/-/runs/${found[0]!.id}`;
  const timed = async (what: string, call: () => Promise<unknown>) => {
    const startMs = performance.now();
    const result = await call();
    note(what, `${(performance.now() - startMs).toFixed(0)} ms`);
    return result as { state: number };
  };
  await timed("get of a run that waits in the record alone", () => house.client.runs.getRun({ name }));
  await timed("cancel of it", () => house.client.runs.cancelRun({ name, reason: "test" }));
  assert.equal((await house.getRun(found[0]!.id)).state, "CANCELLED");
  const startMs = performance.now();
  const run = await house.run("other");
  note(
    "a run of another workflow, from its call to its end, beside the draining one",
    `${(performance.now() - startMs).toFixed(0)} ms`,
  );
  assert.equal(run.state, "SUCCEEDED");
}

const house = await TestHouse.start({ separate: true });
try {
  const database = await house.connectDatabase();
  // It ends with the house, also when a bound is broken.
  database.on("error", () => undefined);
  const ids = await deployAll(house);
  const accepted = Number(values.accepted);
  const before = await measureAccepting(house, accepted);
  await house.run("drains");
  const { id: sleeper } = await house.client.runs.createRun({
    ...{ parent: "workflows/sleeps", eventJson: "{}", requestId: "", waitTimeout: undefined, priority: undefined },
  });
  await until(
    async () => (await count(database, "runs WHERE id = $1 AND wake_time IS NOT NULL", [sleeper])) === 1,
    60_000,
  );
  const waiting = Number(values.waiting) - accepted;
  const draining = Math.floor(waiting / 10);
  const startMs = performance.now();
  await fillWaiting(database, { template: ids.waits, workflow: ids.waits, runs: waiting - draining });
  await fillWaiting(database, { template: ids.waits, workflow: ids.drains, runs: draining });
  await fillPaused(database, sleeper, Number(values.paused));
  note("filling the record", `${((performance.now() - startMs) / 1000).toFixed(0)} s`);
  note("waiting runs", String(await count(database, "runs WHERE wake_time IS NULL")));
  note("paused runs", String(await count(database, "runs WHERE wake_time IS NOT NULL")));
  const pid = await measureTakeover(house, database, ids.drains);
  note("new scheduler's memory after the takeover", `${memoryOf(pid).toFixed(0)} MiB`);
  await measureDrain(database, pid, ids.drains);
  await measureParked(house, database, ids.waits);
  const growth = memoryOf(pid) - before;
  note("growth of the scheduler's memory from 1,000 waiting runs to all of this", `${growth.toFixed(0)} MiB`);
  assert.ok(growth < GROWTH_MAX_MB, `grew by ${growth} MiB`);
  await database.end();
} finally {
  await house.stop();
}
process.stdout.write(`\n${rows.map(([what, value]) => `| ${what} | ${value} |`).join("\n")}\n`);
