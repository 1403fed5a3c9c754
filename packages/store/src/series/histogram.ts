/**
 * Times are counted in classes whose bounds grow by 2^(1/8), from a microsecond on: class 0 holds shorter ones, class n those from
 * 2^((n-1)/8) µs. Counts of several intervals add up, so that a quantile of all of them is as good as that of one: off by half
 * a class at most, 4.4 %.
 */
import type { Histogram } from "./series-records.ts";

const CLASSES_PER_DOUBLING = 8;

/** SQL for the class of an interval. */
export function classSql(interval: string): string {
  const microseconds = `extract(epoch FROM ${interval}) * 1e6`;
  return `CASE WHEN ${microseconds} < 1 THEN 0
    ELSE floor(${CLASSES_PER_DOUBLING} * ln((${microseconds})::double precision) / ln(2::double precision) + 1e-9)::int4 + 1 END`;
}

/** All of several counts together. */
export function mergeHistograms(parts: readonly Histogram[]): Histogram {
  const [first = [], ...rest] = parts;
  if (rest.length === 0) return first;
  const counts = new Map<number, number>();
  for (const part of parts) {
    for (let index = 0; index < part.length; index += 2) {
      counts.set(part[index]!, (counts.get(part[index]!) ?? 0) + part[index + 1]!);
    }
  }
  return toHistogram(counts);
}

/** Counts by class as they are kept. */
export function toHistogram(counts: ReadonlyMap<number, number>): Histogram {
  return [...counts].sort(([a], [b]) => a - b).flat();
}

/** How many were counted. */
export function sizeOf(histogram: Histogram): number {
  let size = 0;
  for (let index = 1; index < histogram.length; index += 2) size += histogram[index]!;
  return size;
}

/** The time in ms that this share of them did not exceed: the middle of its class; undefined without any. */
export function quantileMs(histogram: Histogram, share: number): number | undefined {
  const place = Math.ceil(sizeOf(histogram) * share);
  let seen = 0;
  for (let index = 0; index < histogram.length; index += 2) {
    seen += histogram[index + 1]!;
    if (seen >= place) return middleMs(histogram[index]!);
  }
  return undefined;
}

function middleMs(index: number): number {
  return index === 0 ? 0 : 2 ** ((index - 0.5) / CLASSES_PER_DOUBLING) / 1000;
}
