import { setTimeout as sleep } from "node:timers/promises";
import type { HouseProcess, TestHouse } from "../harness/test-house.ts";
import { HttpConnection } from "./http-connection.ts";
import { BODY, deployAnswering } from "./http-latency.ts";
import { OpenLoop, type OpenLoad, type Sample } from "./open-loop.ts";
import { memoryByRole } from "./process-usage.ts";
import { quantiles, timeConcurrently, type Quantiles } from "./quantiles.ts";

const CALLERS = 32;
/** Of the neighbour that asks for little while the other asks for too much. */
const QUIET_PER_SECOND = 5;
const MEMORY_EVERY_MS = 2_000;
const WINDOW_MS = 250;
/** Answers to an overload may take so many times as long as at 80 %. */
const SLOWER_MAX = 3;

/** One part of the measurement. */
export interface LoadFigures {
  readonly offered_per_s: number;
  readonly answered_per_s: number;
  readonly answered_ms: Quantiles;
  readonly refused: number;
  readonly refused_ms: Quantiles;
  /** Anything but an answer and a refusal, and what could not be sent. */
  readonly broken: number;
}

/** What a house does with more than it can do. */
export interface OverloadFigures {
  readonly capacity_per_s: number;
  readonly at_80_percent: LoadFigures;
  readonly at_200_percent: LoadFigures;
  /** Another workflow's five requests a second meanwhile. */
  readonly quiet_neighbour: LoadFigures;
  readonly p99_ratio: number;
  /** From the end of the overload until 80 % are answered as before. */
  readonly recovery_s: number;
  readonly memory_mib: Readonly<Record<string, { before: number; most: number; after: number }>>;
}

export interface OverloadLengths {
  readonly capacityS: number;
  readonly normalS: number;
  readonly overloadS: number;
  readonly recoveryS: number;
}

/** Finds what the house can do, then offers 80 % of it, twice of it, and 80 % again. */
export async function measureOverload(
  house: TestHouse,
  lengths: OverloadLengths,
  say: (text: string) => void,
): Promise<OverloadFigures> {
  const [url, quietUrl] = [await deployAnswering(house, "bench-over"), await deployAnswering(house, "bench-quiet")];
  const processes = await house.processes();
  say("capacity");
  await measureCapacity(url, lengths.capacityS / 2);
  const capacity = await measureCapacity(url, lengths.capacityS);
  const [loud, quiet] = [new OpenLoop(url, BODY), new OpenLoop(quietUrl, BODY)];
  say(`80 % of ${Math.round(capacity)} requests a second`);
  const normal = await loud.offer(capacity * 0.8, lengths.normalS);
  say("200 %");
  const memory = watchMemory(processes);
  const [over, beside] = await Promise.all([
    loud.offer(capacity * 2, lengths.overloadS),
    quiet.offer(QUIET_PER_SECOND, lengths.overloadS),
  ]);
  say("80 % again");
  const again = await loud.offer(capacity * 0.8, lengths.recoveryS);
  const memoryFigures = await memory.stop();
  loud.close();
  quiet.close();
  const at80 = figuresOf(normal, lengths.normalS);
  const at200 = figuresOf(over, lengths.overloadS);
  return {
    capacity_per_s: Math.round(capacity),
    at_80_percent: at80,
    at_200_percent: at200,
    quiet_neighbour: figuresOf(beside, lengths.overloadS),
    p99_ratio: Math.round((at200.answered_ms.p99 / at80.answered_ms.p99) * 100) / 100,
    recovery_s: recoveryOf(again.samples, at80.answered_ms.p99 * SLOWER_MAX),
    memory_mib: memoryFigures,
  };
}

/** Answers a second to callers of whom each waits for its answer before it asks again. */
async function measureCapacity(url: string, seconds: number): Promise<number> {
  const connections = await Promise.all(Array.from({ length: CALLERS }, () => HttpConnection.open(url, BODY)));
  const idle = [...connections];
  const endMs = performance.now() + seconds * 1000;
  let answered = 0;
  await timeConcurrently(CALLERS, CALLERS, async () => {
    const connection = idle.pop()!;
    while (performance.now() < endMs) {
      if ((await connection.exchange()) === 200) answered++;
      // Whoever is refused tries again later, not at once.
      else await sleep(50);
    }
  });
  connections.forEach((connection) => connection.close());
  return answered / seconds;
}

export function figuresOf({ samples, notOffered }: OpenLoad, seconds: number): LoadFigures {
  const answered = samples.filter(({ status }) => status === 200);
  const refused = samples.filter(({ status }) => status === 429 || status === 503);
  const times = (some: readonly Sample[]) => quantiles(some.map(({ ms }) => ms));
  return {
    offered_per_s: Math.round((samples.length + notOffered) / seconds),
    answered_per_s: Math.round(answered.length / seconds),
    answered_ms: times(answered),
    refused: refused.length,
    refused_ms: times(refused),
    broken: samples.length - answered.length - refused.length + notOffered,
  };
}

/** The first moment from which on a quarter of a second passes without a refusal and with 95 % of the answers in time. */
export function recoveryOf(samples: readonly Sample[], slowMs: number): number {
  const windows = new Map<number, Sample[]>();
  for (const sample of samples) {
    const at = Math.floor(sample.atMs / WINDOW_MS);
    windows.set(at, [...(windows.get(at) ?? []), sample]);
  }
  const good = [...windows]
    .sort(([a], [b]) => a - b)
    .find(([, some]) => {
      return some.every(({ status }) => status === 200) && quantiles(some.map(({ ms }) => ms)).p95 <= slowMs;
    });
  return good === undefined ? Infinity : (good[0] * WINDOW_MS) / 1000;
}

function watchMemory(processes: readonly HouseProcess[]) {
  const before = memoryByRole(processes);
  const most = new Map(before);
  const timer = setInterval(() => {
    for (const [role, mib] of memoryByRole(processes)) most.set(role, Math.max(mib, most.get(role) ?? 0));
  }, MEMORY_EVERY_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      await sleep(MEMORY_EVERY_MS);
      const after = memoryByRole(processes);
      const rows = [...most].map(([role, mib]) => {
        const at = (map: Map<string, number>) => Math.round(map.get(role) ?? 0);
        return [role, { before: at(before), most: Math.round(mib), after: at(after) }] as const;
      });
      return Object.fromEntries(rows);
    },
  };
}

/** The figures for people. */
export function renderOverload(figures: OverloadFigures): string {
  const row = (name: string, load: LoadFigures) =>
    [
      ...[name, load.offered_per_s, load.answered_per_s, load.answered_ms.p50, load.answered_ms.p99, load.refused],
      ...[load.refused_ms.p50, load.refused_ms.p99, load.broken],
    ].join("\t");
  const memory = Object.entries(figures.memory_mib);
  return [
    `answers a second to ${CALLERS} callers: ${figures.capacity_per_s}`,
    "load\toffered/s\tanswered/s\tp50 ms\tp99 ms\trefused\trefused p50 ms\trefused p99 ms\tbroken",
    row("80 %", figures.at_80_percent),
    row("200 %", figures.at_200_percent),
    row("neighbour", figures.quiet_neighbour),
    `p99 of the admitted against that at 80 %: ${figures.p99_ratio}; recovered after ${figures.recovery_s} s`,
    "memory, MiB\tbefore\tmost\tafter",
    ...memory.map(([role, { before, most, after }]) => [role, before, most, after].join("\t")),
    "",
  ].join("\n");
}
