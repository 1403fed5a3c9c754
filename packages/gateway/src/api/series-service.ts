import { PlatformError } from "@millrace/core";
import type { seriesApi } from "@millrace/protocol";
import {
  mergeHistograms,
  quantileMs,
  SERIES_LEVELS,
  type Histogram,
  type PoolInterval,
  type PoolIntervals,
  type RunInterval,
  type Series,
  type SeriesLevel,
  type SeriesScope,
} from "@millrace/store";
import type { DefinitionCache } from "../definitions/definition-cache.ts";
import type { ApiContext } from "./api-caller.ts";
import { durationOf } from "./durations.ts";
import { parsePoolName, parseWorkflowFilter } from "./resource-names.ts";
import { listedWorkflow } from "./run-filter.ts";

const INTERVALS_MAX = 400;
const SERIES_MAX = 40;
const RANGE_DEFAULT_MS = 3_600_000;
/** So many of the longest intervals cover it, wherever it begins. */
const RANGE_MAX_MS = 33 * 86_400_000;

export interface SeriesServiceOptions {
  readonly series: Pick<Series, "read">;
  readonly cache: DefinitionCache;
}

/** `millrace.api.v1.SeriesService`. */
export class SeriesService {
  readonly #options: SeriesServiceOptions;

  constructor(options: SeriesServiceOptions) {
    this.#options = options;
  }

  async readSeries(
    request: seriesApi.ReadSeriesRequest,
    { principal }: ApiContext,
  ): Promise<seriesApi.ReadSeriesResponse> {
    const { projectId } = principal;
    const range = rangeOf(request, Date.now());
    const scope = this.#scopeOf(request, projectId);
    const page = await this.#options.series.read({ projectId, scope, ...range, poolsMax: SERIES_MAX });
    const { level, startMs, endMs } = range;
    return {
      resolution: durationOf(level.resolution * 1000),
      startTime: new Date(startMs),
      endTime: new Date(endMs),
      countedUntil: page.countedUntilMs === null ? undefined : new Date(page.countedUntilMs),
      runs: page.runs.map(toRunPoint),
      total: toRunPoint(totalOf(page.runs, startMs)),
      pools: page.pools.filter(({ runner }) => runner === "").map(toPoolSeries),
      runners: page.pools.filter(({ runner }) => runner !== "").map(toRunnerSeries),
      runnersLeftOut: page.runnersLeftOut,
    };
  }

  #scopeOf({ workflow, pool }: seriesApi.ReadSeriesRequest, projectId: string): SeriesScope {
    const filter = workflow === "" ? undefined : parseWorkflowFilter(workflow);
    if (filter !== undefined && pool !== "") {
      const message = "series are of one workflow or of one pool, not of both";
      throw new PlatformError("InvalidArgument", "FILTERS_EXCLUDE_EACH_OTHER", message);
    }
    if (pool !== "") return { kind: "pool", name: parsePoolName(pool) };
    if (filter === undefined) return { kind: "project" };
    return { kind: "workflow", name: listedWorkflow(this.#options.cache, projectId, workflow)! };
  }
}

/** The finest intervals that are kept for all of the range, as long as wanted at least, and not too many of them. */
function rangeOf(request: seriesApi.ReadSeriesRequest, nowMs: number) {
  const endMs = request.endTime?.getTime() ?? nowMs;
  const startMs = request.startTime?.getTime() ?? endMs - RANGE_DEFAULT_MS;
  if (!(startMs < endMs) || startMs < 0 || endMs - startMs > RANGE_MAX_MS) {
    throw new PlatformError("InvalidArgument", "INVALID_RANGE", "the begin lies before the end, by at most 33 days");
  }
  const { seconds, nanos } = request.resolution ?? { seconds: 0, nanos: 0 };
  const wanted = SERIES_LEVELS.map((level) => ({ level, ...roundedTo(level, startMs, endMs) }));
  const fits = wanted.find(({ level, ...range }) => {
    const lengthMs = level.resolution * 1000;
    const isKept = range.startMs >= nowMs - level.keptMs;
    return (
      isKept && lengthMs >= seconds * 1000 + nanos / 1e6 && range.endMs - range.startMs <= INTERVALS_MAX * lengthMs
    );
  });
  return fits ?? wanted.at(-1)!;
}

function roundedTo({ resolution }: SeriesLevel, startMs: number, endMs: number): { startMs: number; endMs: number } {
  const lengthMs = resolution * 1000;
  return { startMs: Math.floor(startMs / lengthMs) * lengthMs, endMs: Math.ceil(endMs / lengthMs) * lengthMs };
}

function totalOf(runs: readonly RunInterval[], timeMs: number): RunInterval {
  const sum = (name: "accepted" | "succeeded" | "failed" | "cancelled"): number =>
    runs.reduce((total, run) => total + run[name], 0);
  return {
    timeMs,
    ...{ accepted: sum("accepted"), succeeded: sum("succeeded") },
    ...{ failed: sum("failed"), cancelled: sum("cancelled") },
    durations: mergeHistograms(runs.map(({ durations }) => durations)),
    waits: mergeHistograms(runs.map(({ waits }) => waits)),
  };
}

function toRunPoint(run: RunInterval): seriesApi.RunPoint {
  return {
    time: new Date(run.timeMs),
    acceptedCount: run.accepted,
    succeededCount: run.succeeded,
    failedCount: run.failed,
    cancelledCount: run.cancelled,
    duration: toQuantiles(run.durations),
    wait: toQuantiles(run.waits),
  };
}

function toQuantiles(histogram: Histogram): seriesApi.Quantiles | undefined {
  if (histogram.length === 0) return undefined;
  const at = (share: number) => durationOf(quantileMs(histogram, share)!);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

function toPoolSeries({ pool, points }: PoolIntervals): seriesApi.PoolSeries {
  return { pool: `pools/${pool}`, points: points.map(toPoolPoint) };
}

function toPoolPoint(point: PoolInterval): seriesApi.PoolPoint {
  return {
    ...toRunnerPoint(point),
    waitingCount: point.waiting,
    waitingMax: point.waitingMax,
    oldestWaitMax: point.waiting === undefined ? undefined : durationOf(point.oldestWaitMsMax),
    runnerCount: point.runners,
  };
}

function toRunnerSeries({ pool, runner, points }: PoolIntervals): seriesApi.RunnerSeries {
  return { runner: `pools/${pool}/runners/${runner}`, points: points.map(toRunnerPoint) };
}

function toRunnerPoint(point: PoolInterval): seriesApi.RunnerPoint {
  return {
    time: new Date(point.timeMs),
    slotCount: point.slots,
    busyCount: point.busy,
    warmCount: point.warm,
    memoryBytesMax: point.memoryBytesMax,
    coldStartCount: point.coldStarts,
  };
}
