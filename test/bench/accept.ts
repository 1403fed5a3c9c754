import type { TestHouse } from "../harness/test-house.ts";
import { BODY } from "./http-latency.ts";
import { Load } from "./load.ts";
import { cpuByRole } from "./process-usage.ts";
import { round } from "./quantiles.ts";

const CALLERS = 64;
/** More than anything here accepts. */
const QUEUE_LIMIT = 2_000_000;

/** Requests to a trigger that is answered when its run is durable, and no runner takes the runs. */
export interface AcceptFigures {
  readonly per_s: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly cpu_ms_by_process: Readonly<Record<string, number>>;
}

/** Deploys a workflow into a pool that has no runner; returns its address. */
async function deployWaiting(house: TestHouse): Promise<string> {
  const source = "def handler(pd):\n    return 1\n";
  const settings = { pool: "bench-nobody", queueLimit: QUEUE_LIMIT };
  return (await house.deploy({ name: "bench-accept", triggers: [{ http: {} }], settings, steps: { wait: source } }))
    .url;
}

/** How many requests a second become durable runs. */
export async function measureAccept(house: TestHouse, count: number): Promise<AcceptFigures> {
  const load = await Load.open(await deployWaiting(house), BODY, CALLERS);
  const processes = await house.processes();
  await load.offer(Math.ceil(count / 4));
  const before = cpuByRole(processes);
  const { seconds, cpuSeconds, ms } = await load.offer(count);
  const spent = [...cpuByRole(processes)].map(([role, cpu]): [string, number] => [role, cpu - (before.get(role) ?? 0)]);
  load.close();
  const each = [["client", cpuSeconds] as const, ...spent].map(([role, cpu]) => [role, round((cpu * 1000) / count)]);
  return {
    per_s: Math.round(count / seconds),
    p50_ms: ms.p50,
    p99_ms: ms.p99,
    cpu_ms_by_process: Object.fromEntries(each),
  };
}
