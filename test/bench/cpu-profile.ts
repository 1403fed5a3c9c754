import { setTimeout as sleep } from "node:timers/promises";
import { PlatformError } from "@millrace/core";

/** Where Node's inspector listens once a process is asked for it. */
const INSPECTOR = "http://127.0.0.1:9229/json/list";
const OPEN_MS = 5_000;

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

/** What V8 says about a while, as `.cpuprofile` files hold it. */
export interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Profiles a Node process from outside while `work` is under way; nothing needs to have been set at its start. */
export async function profileWhile(pid: number, work: () => Promise<unknown>): Promise<CpuProfile> {
  return inspect(pid, async (inspector) => {
    await inspector.call("Profiler.enable");
    await inspector.call("Profiler.setSamplingInterval", { interval: 250 });
    await inspector.call("Profiler.start");
    await work();
    return ((await inspector.call("Profiler.stop")) as { profile: CpuProfile }).profile;
  });
}

const DELAYS = "globalThis.millraceBenchDelays";
const WINDOW_MS = 50;
/** What the inspector does itself, when it opens and when it closes, takes tens of ms. */
const SETTLE_MS = 500;
const WATCH = `${DELAYS} = (() => {
  const delays = process.getBuiltinModule("node:perf_hooks").monitorEventLoopDelay({ resolution: 1 });
  const windows = [];
  delays.enable();
  const timer = setInterval(() => {
    windows.push({ atMs: performance.now(), maxMs: delays.max / 1e6 });
    delays.reset();
  }, ${WINDOW_MS});
  return { windows, sinceMs: performance.now() + ${SETTLE_MS}, stop: () => (clearInterval(timer), delays.disable()) };
})(), 0`;

/** The longest delay of windows that were over before the inspector was asked for again, so many ms ago. */
function readDelay(askedMsAgo: number): string {
  const untilMs = `performance.now() - ${askedMsAgo + WINDOW_MS}`;
  const within = `({ atMs }) => atMs > ${DELAYS}.sinceMs && atMs < ${untilMs}`;
  return `${DELAYS}.stop(); Math.max(0, ...${DELAYS}.windows.filter(${within}).map(({ maxMs }) => maxMs))`;
}

/** The longest time for which each process's event loop came to nothing else while `work` was under way, in ms, by pid. */
export async function longestBlocks(
  pids: readonly number[],
  work: () => Promise<unknown>,
): Promise<Map<number, number>> {
  for (const pid of pids) await inspect(pid, (inspector) => inspector.evaluate(WATCH));
  await work();
  const blocks = new Map<number, number>();
  for (const pid of pids) {
    const askedMs = performance.now();
    const ask = (inspector: Inspector) => inspector.evaluate(readDelay(performance.now() - askedMs));
    blocks.set(pid, Number(await inspect(pid, ask)));
  }
  return blocks;
}

async function inspect<Result>(pid: number, work: (inspector: Inspector) => Promise<Result>): Promise<Result> {
  process.kill(pid, "SIGUSR1");
  const inspector = await Inspector.open(await inspectorUrl());
  const result = await work(inspector);
  // The next process that is asked listens on the same port.
  await inspector.evaluate("process.getBuiltinModule('node:inspector').close()");
  inspector.close();
  return result;
}

/** The functions that took most time by themselves, with their share of the time that was not idle. */
export function renderBusiest(profile: CpuProfile, count: number): string {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  profile.samples.forEach((id, index) => {
    const name = names.get(id) ?? "";
    times.set(name, (times.get(name) ?? 0) + (profile.timeDeltas[index] ?? 0));
  });
  times.delete("(idle)");
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  const busiest = [...times].sort(([, one], [, other]) => other - one).slice(0, count);
  return busiest.map(([name, time]) => `  ${((time / total) * 100).toFixed(1).padStart(5)} %  ${name}\n`).join("");
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  if (url === "") return functionName;
  return `${functionName || "(anonymous)"} ${url.replace(/^.*\/(?:node_modules|packages)\//, "")}:${lineNumber + 1}`;
}

async function inspectorUrl(): Promise<string> {
  const deadline = performance.now() + OPEN_MS;
  for (;;) {
    try {
      const [first] = (await (await fetch(INSPECTOR)).json()) as { webSocketDebuggerUrl: string }[];
      if (first !== undefined) return first.webSocketDebuggerUrl;
    } catch (thrown) {
      if (performance.now() > deadline) throw thrown;
    }
    await sleep(20);
  }
}

class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #number = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { id?: number; result?: unknown };
      if (id === undefined) return;
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    };
    socket.onclose = () => {
      for (const settle of this.#waiting.values()) settle(undefined);
    };
  }

  static open(url: string): Promise<Inspector> {
    const socket = new WebSocket(url);
    return new Promise((resolve, reject) => {
      socket.onopen = () => resolve(new Inspector(socket));
      socket.onerror = () => reject(new PlatformError("Unavailable", "NO_INSPECTOR", `no inspector answers at ${url}`));
    });
  }

  call(method: string, params: unknown = {}): Promise<unknown> {
    const id = ++this.#number;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  /** The value of an expression in the process. */
  async evaluate(expression: string): Promise<unknown> {
    const answer = (await this.call("Runtime.evaluate", { expression })) as
      { result?: { value?: unknown } } | undefined;
    return answer?.result?.value;
  }

  close(): void {
    this.#socket.close();
  }
}
