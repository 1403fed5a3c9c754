import type { HouseProcess, TestHouse } from "../harness/test-house.ts";
import { HttpConnection } from "./http-connection.ts";
import { BODY, deployAnswering } from "./http-latency.ts";
import { cpuByRole } from "./process-usage.ts";
import { quantiles, round, timeCalls } from "./quantiles.ts";
import type { Throughput } from "./throughput.ts";

/**
 * What each hop of a one-step run may cost in ms of CPU, so that the sum meets the mark of 1.0 ms a run: the bare parts' own
 * cost as `packages/runner/bench`, `packages/store/bench` and the floors show it, and room for what we do between them.
 */
const BUDGET_MS: Readonly<Record<string, number>> = {
  client: 0.12,
  gateway: 0.12,
  nats: 0.06,
  scheduler: 0.14,
  // Both in one.
  hub: 0.26,
  postgres: 0.16,
  runner: 0.1,
  worker: 0.16,
  environments: 0.14,
};

/** A run one after the other: what each hop costs when nothing shares its turn. */
export interface AloneFigures {
  readonly p50Ms: number;
  readonly cpuMsByRole: Readonly<Record<string, number>>;
}

/** Warm requests whose answer is released by the commit, one at a time. */
export async function measureAlone(
  house: TestHouse,
  processes: readonly HouseProcess[],
  count: number,
): Promise<AloneFigures> {
  const connection = await HttpConnection.open(await deployAnswering(house, "bench-hops"), BODY);
  await timeCalls(count, () => connection.post());
  const before = cpuByRole(processes);
  const clientBefore = process.cpuUsage();
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const startMs = performance.now();
    await connection.post();
    times.push(performance.now() - startMs);
  }
  const client = process.cpuUsage(clientBefore);
  const after = cpuByRole(processes);
  connection.close();
  const spent = [...after].map(([role, cpu]) => [role, round(((cpu - (before.get(role) ?? 0)) * 1000) / count)]);
  const own = round((client.user + client.system) / 1000 / count);
  return { p50Ms: quantiles(times).p50, cpuMsByRole: Object.fromEntries([["client", own], ...spent]) };
}

/** The hops of a run in its order, with what they cost and what they may cost, and the longest block of an event loop under load. */
export function renderHops(loaded: Throughput, alone: AloneFigures, blocks: ReadonlyMap<string, number>): string {
  const budgets = Object.entries(BUDGET_MS).filter(([role]) => role in loaded.cpuMsPerRunByRole);
  const lines = budgets.map(([role, budget]) => {
    const costs = [role, budget, loaded.cpuMsPerRunByRole[role] ?? 0, alone.cpuMsByRole[role] ?? 0];
    return [...costs, blocks.get(role) ?? ""].join("\t");
  });
  const sum = (values: Iterable<number>) => round([...values].reduce((total, value) => total + value, 0));
  const all = [Object.fromEntries(budgets), loaded.cpuMsPerRunByRole, alone.cpuMsByRole].map((one) =>
    sum(Object.values(one)),
  );
  return [
    "CPU ms a run\tmay cost\tunder load\talone\tlongest block under load, ms",
    ...lines,
    ["all", ...all].join("\t"),
    `runs a second under load: ${loaded.runsPerSecond}; one at a time over HTTP, p50: ${alone.p50Ms} ms`,
    "",
  ].join("\n");
}
