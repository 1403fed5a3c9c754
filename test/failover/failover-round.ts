import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import { until } from "../harness/until.ts";
import { Load, type LoadReport } from "./load.ts";
import type { ReplicatedHouse } from "./replicated-house.ts";

/** What the old primary does when the standby is promoted. */
export const FAULTS = ["killed", "alive", "frozen"] as const;

export type Fault = (typeof FAULTS)[number];

export interface FailoverRoundOptions {
  readonly fault: Fault;
  readonly perSecond: number;
  /** How long load goes on before the failover, and behind it. */
  readonly calmMs: number;
  readonly say: (line: string) => void;
}

const END_MS = 60_000;

/** A step that does nothing: what is tested is what happens to the record. */
export const TRIVIAL = "def handler(pd):\n    return 1\n";

/**
 * Fails over to the standby under load and looks whether every acknowledged run ended once. The old primary is left as it
 * is for a while: a process that believed in it would be found out.
 */
export async function failoverRound(
  house: ReplicatedHouse,
  paths: readonly string[],
  { fault, perSecond, calmMs, say }: FailoverRoundOptions,
): Promise<LoadReport> {
  const urls = paths.flatMap((path) => house.gateways.map((gateway) => gateway + path));
  const load = new Load(urls, perSecond);
  load.start();
  await sleep(calmMs);
  const old = house.postgres.primary;
  if (fault === "killed") await old.stop("SIGKILL");
  if (fault === "frozen") old.signal("SIGSTOP");
  const failedAt = performance.now();
  const before = load.acknowledgedCount;
  await house.postgres.promote();
  await until(() => load.acknowledgedCount > before + perSecond / 2, END_MS);
  say(`  ${fault}: acknowledging again ${Math.round(performance.now() - failedAt)} ms after the failover began`);
  // It comes back with all its connections, as a host does that was only unreachable.
  if (fault === "frozen") old.signal("SIGCONT");
  await sleep(calmMs);
  const report = await load.stop();
  await awaitEnds(house, report.acknowledged);
  await house.postgres.rejoin();
  return report;
}

/**
 * Freezes both servers for a while, longer than submits wait, and looks whether everything goes on by itself. Who was
 * refused was told when to try again.
 */
export async function outageRound(
  house: ReplicatedHouse,
  paths: readonly string[],
  { perSecond, calmMs, awayMs, say }: Omit<FailoverRoundOptions, "fault"> & { readonly awayMs: number },
): Promise<LoadReport> {
  const load = new Load(
    paths.flatMap((path) => house.gateways.map((gateway) => gateway + path)),
    perSecond,
  );
  load.start();
  await sleep(calmMs);
  for (const server of house.postgres.servers) server.signal("SIGSTOP");
  await sleep(awayMs);
  for (const server of house.postgres.servers) server.signal("SIGCONT");
  const [backAt, before] = [performance.now(), load.acknowledgedCount];
  await until(() => load.acknowledgedCount > before + perSecond / 2, END_MS);
  say(`  away: acknowledging again ${Math.round(performance.now() - backAt)} ms after the servers were back`);
  await sleep(calmMs);
  const report = await load.stop();
  await awaitEnds(house, report.acknowledged);
  return report;
}

/** Every acknowledged run stands in history, once, and has succeeded. */
async function awaitEnds(house: ReplicatedHouse, acknowledged: readonly string[]): Promise<void> {
  assert.equal(new Set(acknowledged).size, acknowledged.length, "each acknowledgement names a run of its own");
  const { primary } = house.postgres;
  await until(async () => (await primary.query("SELECT FROM runs LIMIT 1")).length === 0, END_MS);
  const rows = await primary.query("SELECT id, state FROM history_runs");
  const states = Map.groupBy(rows, ({ id }) => String(id));
  const missing = acknowledged.filter((id) => !states.has(id));
  assert.deepEqual(missing, [], "an acknowledged run is lost");
  const twice = [...states].filter(([, found]) => found.length > 1).map(([id]) => id);
  assert.deepEqual(twice, [], "a run ended twice");
  const failed = acknowledged.filter((id) => states.get(id)?.[0]?.["state"] !== "SUCCEEDED");
  assert.deepEqual(failed, [], "an acknowledged run did not succeed");
}

/** For people: what a round came to. */
export function describeReport(report: LoadReport): string {
  const refused =
    [...report.refused].map(([status, count]) => `${count} answers ${status}`).join(", ") || "none refused";
  return (
    `${report.acknowledged.length} acknowledged, ${refused}; longest stall ${Math.round(report.longestStallMs)} ms, ` +
    `slowest ${Math.round(report.slowestMs)} ms, p50 ${report.p50Ms.toFixed(1)} ms`
  );
}
