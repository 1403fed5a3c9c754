import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { RunSubmitter } from "@millrace/cli";
import { createRunId, runIdDay } from "@millrace/core";
import type pg from "pg";
import type { TestHouse } from "../harness/test-house.ts";
import { cpuByRole } from "./process-usage.ts";
import { round, timeConcurrently } from "./quantiles.ts";

const CALLERS = 128;
const END_MS = 300_000;

/** Durable runs: accepted over gRPC and ended in Postgres. */
export interface Throughput {
  readonly runsPerSecond: number;
  /** Of all processes, the client included. */
  readonly cpuSecondsPer1000Runs: number;
  readonly cpuMsPerRunByRole: Readonly<Record<string, number>>;
}

/** Steps that do next to nothing: what is measured is the house. */
function steps(count: number): Record<string, string> {
  const source = `def handler(pd):\n    return {"name": pd.steps["trigger"]["event"]["name"]}\n`;
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`step${index + 1}`, source]));
}

/** Deploys workflows of so many steps; returns their resource names. */
export async function deployMany(house: TestHouse, workflows: number, stepCount: number): Promise<string[]> {
  const name = (index: number) => `bench-${stepCount}-of-${workflows}-${index}`;
  await timeConcurrently(workflows, 8, (index) =>
    house.deploy({ name: name(index), triggers: [{ http: {} }], steps: steps(stepCount) }),
  );
  return Array.from({ length: workflows }, (_, index) => `workflows/${name(index)}`);
}

const EVENT = JSON.stringify({ name: "Bulbasaur", digest: createHash("sha256").update("seed").digest("hex") });

/** How runs are handed in: by a call for each, or by messages on one stream; without idempotency keys, either way. */
export type SubmitWay = "calls" | "stream";

/** What is measured, where it is not the usual. */
export interface Load {
  readonly eventJson?: string;
  readonly way?: SubmitWay;
}

/** Submits runs over gRPC; the clock runs from the first submit to the last run's end in Postgres. */
export async function measureThroughput(
  house: TestHouse,
  db: pg.Client,
  workflows: string[],
  runs: number,
  load: Load = {},
): Promise<Throughput> {
  await timeRuns(house, db, workflows, Math.min(500, runs), load);
  const processes = await house.processes();
  const before = cpuByRole(processes);
  const clientBefore = process.cpuUsage();
  const seconds = await timeRuns(house, db, workflows, runs, load);
  const client = process.cpuUsage(clientBefore);
  const spent: (readonly [string, number])[] = [["client", (client.user + client.system) / 1e6]];
  for (const [role, cpu] of cpuByRole(processes)) spent.push([role, cpu - (before.get(role) ?? 0)]);
  const total = spent.reduce((sum, [, cpu]) => sum + cpu, 0);
  return {
    runsPerSecond: Math.round(runs / seconds),
    cpuSecondsPer1000Runs: round((total / runs) * 1000),
    cpuMsPerRunByRole: Object.fromEntries(spent.map(([role, cpu]) => [role, round((cpu * 1000) / runs)])),
  };
}

/** Seconds from the first submit of so many runs over gRPC to the last end in Postgres. */
export async function timeRuns(
  house: TestHouse,
  db: pg.Client,
  workflows: string[],
  runs: number,
  { eventJson = EVENT, way = "calls" }: Load = {},
): Promise<number> {
  const since = createRunId(Date.now(), new Uint8Array(10));
  const startMs = performance.now();
  const submitter = new RunSubmitter(house.client.runs, { underWayMax: CALLERS });
  await timeConcurrently(runs, CALLERS, (index) => {
    const request = { parent: workflows[index % workflows.length]!, eventJson, requestId: "" };
    if (way === "stream") return submitter.submit(request);
    return house.client.runs.createRun({ ...request, waitTimeout: undefined }, { deadlineMs: 60_000 });
  });
  submitter.close();
  let ended = await countEnded(db, since);
  while (ended < runs) {
    const elapsedMs = performance.now() - startMs;
    if (elapsedMs > END_MS) throw new Error(`${runs} runs did not end within ${END_MS / 1000} s`);
    await sleep(pauseUntilAsked(ended, runs, elapsedMs));
    ended = await countEnded(db, since);
  }
  return (performance.now() - startMs) / 1000;
}

const PAUSE_MS = { min: 5, max: 500 } as const;

/**
 * Half of the time that the rest will take: who asked every 5 ms for as long as runs are behind their submits would have Postgres
 * count for a third of its time, and it would be told as the runs' own.
 */
function pauseUntilAsked(ended: number, runs: number, elapsedMs: number): number {
  const restMs = ended === 0 ? PAUSE_MS.min : (elapsedMs / ended) * (runs - ended);
  return Math.min(PAUSE_MS.max, Math.max(PAUSE_MS.min, restMs / 2));
}

/** However many are in history. */
async function countEnded(db: pg.Client, since: string): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    "SELECT count(*)::int AS count FROM history_runs WHERE day = ANY ($1::date[]) AND id >= $2",
    [[runIdDay(since), new Date().toISOString().slice(0, 10)], since],
  );
  return rows[0]!.count;
}
