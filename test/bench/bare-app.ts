import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startChild } from "./floors.ts";
import { BODY } from "./http-latency.ts";
import { Load } from "./load.ts";
import { cpuOfTree } from "./process-usage.ts";
import { round, type Quantiles } from "./quantiles.ts";

// @ts-expect-error scripts have no types
const { ensureBenchTools } = (await import("../../scripts/lib/bench-tools.mjs")) as {
  ensureBenchTools: () => Promise<{ python: string; library: string }>;
};

const READY_MS = 20_000;

/** What no platform at all costs on this machine, in this minute: a web app with one durable insert for each request. */
export interface BareAppFigures {
  readonly one_caller_ms: Quantiles;
  readonly per_s_16: number;
  readonly p99_16_ms: number;
  readonly per_s_128: number;
  /** Of all processes, the client included, 128 callers. */
  readonly cpu_s_per_1000: number;
}

/** Measures the bare app on the house's own Postgres, with the same client and payload as the house. */
export async function measureBareApp(databaseUrl: string, postgresPid: number, count: number): Promise<BareAppFigures> {
  const { python, library } = await ensureBenchTools();
  const environment = { PYTHONPATH: library, DATABASE_URL: databaseUrl };
  const { child, line } = await startChild(python, [join(import.meta.dirname, "bare_app.py")], environment);
  const url = `http://127.0.0.1:${line}/`;
  try {
    await untilAnswered(url);
    const measure = async (callers: number, requests: number) => {
      const load = await Load.open(url, BODY, callers);
      await load.offer(Math.ceil(requests / 4));
      const before = cpuOfTree(child.pid!) + cpuOfTree(postgresPid);
      const result = await load.offer(requests);
      const cpuSeconds = cpuOfTree(child.pid!) + cpuOfTree(postgresPid) - before + result.cpuSeconds;
      load.close();
      return {
        ...result,
        perS: Math.round(requests / result.seconds),
        cpuOf1000: round((cpuSeconds * 1000) / requests),
      };
    };
    const [one, few, many] = [await measure(1, count / 2), await measure(16, count), await measure(128, count)];
    return {
      one_caller_ms: one.ms,
      per_s_16: few.perS,
      p99_16_ms: few.ms.p99,
      per_s_128: many.perS,
      cpu_s_per_1000: many.cpuOf1000,
    };
  } finally {
    const exited = once(child, "exit");
    // Its table goes with it. One that has ended already cannot be told.
    if (child.kill()) await exited;
  }
}

async function untilAnswered(url: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  for (const end = performance.now() + READY_MS; ; await sleep(50)) {
    const answer = await fetch(url, { method: "POST", body: BODY, headers }).catch(() => undefined);
    if (answer?.ok === true) return;
    if (performance.now() > end) throw new Error("the bare app of the bench does not answer");
  }
}
