import type { PoolPoint, Quantiles, ReadSeriesResponse, RunnerPoint, RunPoint } from "../../api/generated/types.ts";

/** What a chart's numbers mean. */
export type Unit = "per second" | "count" | "seconds" | "bytes";

/** One line of a chart. */
export interface Line {
  readonly name: string;
  /** Number of its colour, from 1. */
  readonly colour: number | "good" | "bad" | "faint";
  readonly dash?: readonly number[];
  /** By interval; null is a gap. */
  readonly values: readonly (number | null)[];
}

/** A chart's content: lines over the same intervals. */
export interface ChartData {
  /** Begin of each interval in seconds since 1970, without holes. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
}

/** A duration of the API, such as `1.5s`, in seconds. */
export function secondsOf(duration: string | undefined): number | undefined {
  return duration === undefined ? undefined : Number.parseFloat(duration);
}

/** The intervals of an answer, and how to spread points over them. */
export interface Intervals {
  readonly times: readonly number[];
  readonly resolutionS: number;
  /** By interval, what `read` says of its point; null where there is none. `covered` is the part of it that was counted. */
  readonly spread: <P extends { readonly time?: string }>(
    points: readonly P[],
    read: (point: P, coveredS: number) => number | undefined,
  ) => (number | null)[];
}

/** Less than this part of an interval says nothing about it yet, beside others; when it is all that there is, it is shown. */
const LEAST_PART = 0.5;

/** Every interval between begin and end, those without a point too: they are gaps. */
export function intervalsOf({ startTime, endTime, resolution, countedUntil }: ReadSeriesResponse): Intervals {
  const resolutionS = secondsOf(resolution) ?? 60;
  const [start, end] = [Date.parse(startTime ?? "") / 1000, Date.parse(endTime ?? "") / 1000];
  const counted = Date.parse(countedUntil ?? "") / 1000;
  const count = Math.max(0, Math.round((end - start) / resolutionS));
  const times = Array.from({ length: Number.isFinite(count) ? count : 0 }, (_, index) => start + index * resolutionS);
  return {
    ...{ times, resolutionS },
    spread(points, read) {
      const values: (number | null)[] = times.map(() => null);
      const known = points.map((point) => {
        const time = Date.parse(point.time ?? "") / 1000;
        return { point, time, coveredS: Math.min(resolutionS, counted - time) };
      });
      const telling = known.filter(({ coveredS }) => coveredS >= resolutionS * LEAST_PART);
      for (const { point, time, coveredS } of telling.length > 0 ? telling : known) {
        if (coveredS <= 0) continue;
        const index = Math.round((time - start) / resolutionS);
        if (index >= 0 && index < values.length) values[index] = read(point, coveredS) ?? null;
      }
      return values;
    },
  };
}

const QUANTILES = [
  ["p50", 3, []],
  ["p95", 4, [8, 3]],
  ["p99", 5, [2, 3]],
] as const;

/** How many runs there were a second. */
export function runRates({ runs = [] }: ReadSeriesResponse, { times, spread }: Intervals): ChartData {
  const rate = (field: "acceptedCount" | "succeededCount") =>
    spread(runs, (point: RunPoint, coveredS) => Number(point[field] ?? 0) / coveredS);
  return {
    times,
    lines: [
      { name: "accepted", colour: 3, values: rate("acceptedCount") },
      { name: "succeeded", colour: "good", dash: [6, 3], values: rate("succeededCount") },
    ],
  };
}

/** How many ended otherwise. */
export function failures({ runs = [] }: ReadSeriesResponse, { times, spread }: Intervals): ChartData {
  const count = (field: "failedCount" | "cancelledCount") =>
    spread(runs, (point: RunPoint) => Number(point[field] ?? 0));
  return {
    times,
    lines: [
      { name: "failed", colour: "bad", values: count("failedCount") },
      { name: "cancelled", colour: "faint", dash: [4, 3], values: count("cancelledCount") },
    ],
  };
}

/** Quantiles of how long runs took, or waited. */
export function quantiles(
  { runs = [] }: ReadSeriesResponse,
  { times, spread }: Intervals,
  field: "duration" | "wait",
): ChartData {
  return {
    times,
    lines: QUANTILES.map(([name, colour, dash]) => ({
      ...{ name, colour, dash },
      values: spread(runs, (point: RunPoint) => secondsOf((point[field] as Quantiles | undefined)?.[name])),
    })),
  };
}

/** A line for each pool, by one of its numbers. */
export function byPool(
  { pools = [] }: ReadSeriesResponse,
  { times, spread }: Intervals,
  read: (point: PoolPoint) => number | undefined,
): ChartData {
  return {
    times,
    lines: pools.map(({ pool = "", points = [] }, index) => ({
      ...{ name: pool.replace("pools/", ""), colour: (index % 6) + 1, dash: dashOf(index) },
      values: spread(points, read),
    })),
  };
}

/** A line for each runner, by one of its numbers. */
export function byRunner(
  { runners = [] }: ReadSeriesResponse,
  { times, spread }: Intervals,
  read: (point: RunnerPoint) => number | undefined,
): ChartData {
  return {
    times,
    lines: runners.map(({ runner = "", points = [] }, index) => ({
      ...{ name: shortRunner(runner), colour: (index % 6) + 1, dash: dashOf(index) },
      values: spread(points, read),
    })),
  };
}

function shortRunner(name: string): string {
  const [, pool = "", , runner = ""] = name.split("/");
  return `${pool} / ${runner}`;
}

/** Lines of one colour differ by their dashes. */
function dashOf(index: number): readonly number[] {
  return [[], [8, 3], [2, 3], [10, 3, 2, 3]][Math.floor(index / 6) % 4]!;
}

/** Environments of all pools together: at work, warm, and room for all. */
export function environments({ pools = [] }: ReadSeriesResponse, intervals: Intervals): ChartData {
  const sum = (read: (point: PoolPoint) => number | undefined): (number | null)[] => {
    const all = pools.map(({ points = [] }) => intervals.spread(points, read));
    return intervals.times.map((_, index) => {
      const known = all.map((values) => values[index] ?? null).filter((value) => value !== null);
      return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
    });
  };
  return {
    times: intervals.times,
    lines: [
      { name: "busy", colour: 4, values: sum(({ busyCount = 0 }) => busyCount) },
      { name: "warm", colour: 1, dash: [6, 3], values: sum(({ warmCount = 0 }) => warmCount) },
      { name: "room", colour: "faint", dash: [2, 3], values: sum(({ slotCount = 0 }) => slotCount) },
    ],
  };
}

/** What a line says over all intervals; undefined when it is all gap. */
export function summaryOf({ values }: Line): { last: number; mean: number; most: number } | undefined {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return undefined;
  const sum = known.reduce((total, value) => total + value, 0);
  return { last: known.at(-1)!, mean: sum / known.length, most: Math.max(...known) };
}

/** A number with its unit, short enough for an axis. */
export function formatValue(value: number, unit: Unit): string {
  if (unit === "bytes") return bytes(value);
  if (unit === "seconds") return seconds(value);
  if (value === 0) return "0";
  if (value >= 10_000) return `${trim(value / 1_000)} k`;
  return value >= 100 ? Math.round(value).toLocaleString("en") : trim(value);
}

const RATES = [
  ["a second", 1],
  ["a minute", 60],
  ["an hour", 3_600],
  ["a day", 86_400],
] as const;

/** How often something happens, in the unit in which it is a number that people can imagine: `4.2 a second`, `3 an hour`. */
export function formatRate(perSecond: number): string {
  const [unit, seconds] = RATES.find(([, each]) => perSecond * each >= 1) ?? RATES[3];
  return `${formatValue(perSecond * seconds, "count")} ${unit}`;
}

function trim(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function seconds(value: number): string {
  if (value === 0) return "0";
  if (value < 0.9995) return `${trim(value * 1_000)} ms`;
  if (value < 120) return `${trim(value)} s`;
  return value < 7_200 ? `${trim(value / 60)} min` : `${trim(value / 3_600)} h`;
}

function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = value;
  let place = 0;
  for (; size >= 1_024 && place < units.length - 1; place += 1) size /= 1_024;
  return `${trim(size)} ${units[place]}`;
}
