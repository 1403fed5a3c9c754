import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { TestHouse } from "../harness/test-house.ts";
import { cpuByRole } from "./process-usage.ts";
import { round, type Quantiles } from "./quantiles.ts";

/** What a load came to. */
export interface LoadResult {
  readonly seconds: number;
  /** Of the process that offered it. */
  readonly cpuSeconds: number;
  readonly ms: Quantiles;
}

/** What a load came to, with what each process spent on one of its requests. */
export interface LoadFigures {
  readonly per_s: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly cpu_ms_by_process: Readonly<Record<string, number>>;
}

/** So many requests by callers who ask again when they are answered, behind a quarter as many that are not counted. */
export async function measureLoad(
  house: TestHouse,
  { url, body, callers, count }: { url: string; body: string; callers: number; count: number },
): Promise<LoadFigures> {
  const load = await Load.open(url, body, callers);
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

/** Callers with a kept connection each, who ask again when they are answered, in a process of their own. */
export class Load {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  /** Opens so many connections, each of which will post this JSON body to the URL. */
  static async open(url: string, body: string, callers: number): Promise<Load> {
    const child = fork(join(import.meta.dirname, "load-process.ts"), [url, String(callers), body]);
    await nextMessage(child);
    return new Load(child);
  }

  /** So many requests, all of which are to be answered with 200. */
  async offer(count: number): Promise<LoadResult> {
    const answered = nextMessage(this.#process);
    this.#process.send(count);
    const result = (await answered) as LoadResult | { failure: string };
    if ("failure" in result) throw new Error(result.failure);
    return result;
  }

  close(): void {
    this.#process.disconnect();
  }
}

async function nextMessage(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  const exited = once(child, "exit", { signal: ended.signal }).then(() => {
    throw new Error("the process that offers load has ended");
  });
  try {
    const [message] = (await Promise.race([once(child, "message", { signal: ended.signal }), exited])) as [unknown];
    return message;
  } finally {
    ended.abort();
    exited.catch(() => undefined);
  }
}
