/** Latencies in ms as people quote them. */
export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export function quantiles(timesMs: readonly number[]): Quantiles {
  const sorted = [...timesMs].sort((a, b) => a - b);
  const at = (share: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

/** Three digits behind the point: finer than the noise. */
export function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** Times of calls made one after the other, in ms, after a tenth of them as warm-up. */
export async function timeCalls(count: number, call: () => Promise<unknown>): Promise<number[]> {
  for (let i = 0; i < count / 10; i++) await call();
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const startMs = performance.now();
    await call();
    times.push(performance.now() - startMs);
  }
  return times;
}

/** Calls made by so many callers at the same time; returns each call's time and the time of all. */
export async function timeConcurrently(count: number, callers: number, call: (index: number) => Promise<unknown>) {
  const times: number[] = [];
  let next = 0;
  const startMs = performance.now();
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let index = next++; index < count; index = next++) {
        const callMs = performance.now();
        await call(index);
        times.push(performance.now() - callMs);
      }
    }),
  );
  return { times, seconds: (performance.now() - startMs) / 1000 };
}
