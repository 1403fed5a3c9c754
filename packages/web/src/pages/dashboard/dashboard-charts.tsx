import { useMemo } from "react";
import type { ReadSeriesResponse } from "../../api/generated/types.ts";
import type { SeriesFilter } from "../../api/series.ts";
import { Chart, type ChartProps } from "./chart.tsx";
import { useChartStyle } from "./chart-parts.ts";
import {
  byPool,
  byRunner,
  environments,
  failures,
  intervalsOf,
  quantiles,
  runRates,
  secondsOf,
} from "./series-data.ts";

export interface DashboardChartsProps {
  readonly series: ReadSeriesResponse;
  readonly filter: SeriesFilter;
  readonly onZoom: (fromS: number, toS: number) => void;
}

type Described = Pick<ChartProps, "title" | "about" | "unit" | "data">;

/** All charts, over the same time: what is pointed at in one is shown in each. */
export function DashboardCharts({ series, filter, onZoom }: DashboardChartsProps) {
  const style = useChartStyle();
  const runs = useMemo(() => runCharts(series), [series]);
  const pools = useMemo(() => poolCharts(series), [series]);
  const runners = useMemo(() => runnerCharts(series), [series]);
  const leftOut = series.runnersLeftOut ?? 0;
  const draw = (chart: Described) => <Chart key={chart.title} {...chart} style={style} onZoom={onZoom} />;
  return (
    <>
      <div className="charts">{runs.map(draw)}</div>
      {filter.workflow === "" && (
        <>
          <h2 className="charts-heading">Pools</h2>
          <div className="charts">{pools.map(draw)}</div>
          <h2 className="charts-heading">
            Runners {leftOut > 0 && <span className="faint">{leftOut} with fewer runs are left out</span>}
          </h2>
          <div className="charts">{runners.map(draw)}</div>
        </>
      )}
      {filter.workflow !== "" && (
        <p className="faint">Queues, environments and memory belong to pools: choose all workflows to see them.</p>
      )}
    </>
  );
}

function runCharts(series: ReadSeriesResponse): Described[] {
  const intervals = intervalsOf(series);
  const every = describeInterval(intervals.resolutionS);
  return [
    { title: "Runs", about: "a second", unit: "per second", data: runRates(series, intervals) },
    { title: "Failures", about: `in each ${every}`, unit: "count", data: failures(series, intervals) },
    {
      ...{ title: "How long runs took", about: "from start to end, pauses included", unit: "seconds" as const },
      data: quantiles(series, intervals, "duration"),
    },
    {
      ...{ title: "How long runs waited", about: "from acceptance to start", unit: "seconds" as const },
      data: quantiles(series, intervals, "wait"),
    },
  ];
}

function poolCharts(series: ReadSeriesResponse): Described[] {
  const intervals = intervalsOf(series);
  const every = describeInterval(intervals.resolutionS);
  const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  return [
    {
      ...{ title: "Queue", about: "runs that wait, the most at one time", unit: "count" as const },
      data: byPool(series, intervals, ({ waitingMax }) => number(waitingMax)),
    },
    {
      ...{ title: "Age of the queue", about: "how long the oldest run has waited", unit: "seconds" as const },
      data: byPool(
        series,
        intervals,
        ({ waitingMax, oldestWaitMax }) => secondsOf(oldestWaitMax) ?? number(waitingMax && "0"),
      ),
    },
    {
      ...{ title: "Environments", about: "at work, idle and warm, and room for all", unit: "count" as const },
      data: environments(series, intervals),
    },
    {
      ...{ title: "Cold starts", about: `in each ${every}`, unit: "count" as const },
      data: byPool(series, intervals, ({ coldStartCount }) => number(coldStartCount)),
    },
    {
      ...{ title: "Environments at work", about: "by pool", unit: "count" as const },
      data: byPool(series, intervals, ({ busyCount }) => busyCount),
    },
    {
      ...{ title: "Warm environments", about: "by pool, idle and warm for a version", unit: "count" as const },
      data: byPool(series, intervals, ({ warmCount }) => warmCount),
    },
    {
      ...{ title: "Runners", about: "by pool, alive", unit: "count" as const },
      data: byPool(series, intervals, ({ runnerCount }) => runnerCount),
    },
    {
      ...{ title: "Memory", about: "of runners, workers and environments", unit: "bytes" as const },
      data: byPool(series, intervals, ({ memoryBytesMax }) => number(memoryBytesMax)),
    },
  ];
}

function runnerCharts(series: ReadSeriesResponse): Described[] {
  const intervals = intervalsOf(series);
  return [
    {
      ...{ title: "Environments at work by runner", about: "the mean of each interval", unit: "count" as const },
      data: byRunner(series, intervals, ({ busyCount }) => busyCount),
    },
    {
      ...{ title: "Warm environments by runner", about: "idle, and warm for a version", unit: "count" as const },
      data: byRunner(series, intervals, ({ warmCount }) => warmCount),
    },
    {
      ...{ title: "Cold starts by runner", about: "in each interval", unit: "count" as const },
      data: byRunner(series, intervals, ({ coldStartCount }) => Number(coldStartCount ?? 0)),
    },
    {
      ...{ title: "Memory by runner", about: "the most at one time", unit: "bytes" as const },
      data: byRunner(series, intervals, ({ memoryBytesMax }) => Number(memoryBytesMax ?? 0) || undefined),
    },
  ];
}

function describeInterval(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  return seconds < 3_600 ? `${seconds / 60} min` : `${seconds / 3_600} h`;
}
