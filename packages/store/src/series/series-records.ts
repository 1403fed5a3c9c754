/** Lengths of intervals in seconds, each a multiple of the one before, and how long intervals of it are kept. */
export const SERIES_LEVELS = [
  { resolution: 10, keptMs: 3 * 3_600_000, everyMs: 10_000 },
  { resolution: 60, keptMs: 3 * 86_400_000, everyMs: 60_000 },
  { resolution: 900, keptMs: 35 * 86_400_000, everyMs: 60_000 },
  { resolution: 7200, keptMs: 400 * 86_400_000, everyMs: 900_000 },
] as const;

/** One length of intervals. */
export type SeriesLevel = (typeof SERIES_LEVELS)[number];

/** Length of the intervals that are counted from the record. */
export const SERIES_STEP_MS = SERIES_LEVELS[0].resolution * 1000;

/** Class and count in turn, by class. */
export type Histogram = readonly number[];

/** Runs of one interval. */
export interface RunCounts {
  readonly accepted: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly durations: Histogram;
  readonly waits: Histogram;
}

/** Runs of an interval, with its begin. */
export interface RunInterval extends RunCounts {
  readonly timeMs: number;
}

/** A runner as its newest heartbeat tells. */
export interface RunnerSample {
  readonly runner: string;
  readonly incarnation: string;
  readonly pool: string;
  readonly slots: number;
  readonly busy: number;
  readonly warm: number;
  readonly memoryBytes: number;
  /** Since the runner's start. */
  readonly coldStarts: number;
}

/** What waits for a pool, at one scheduler or at all of them. */
export interface WaitingSample {
  readonly pool: string;
  readonly waiting: number;
  readonly oldestWaitMs: number;
}

/** What is seen of the house at one time. */
export interface HouseSample {
  readonly runners: readonly RunnerSample[];
  /** Names of the schedulers that are alive; undefined when that is not known. */
  readonly schedulers: readonly string[] | undefined;
}

/** A pool or a runner in one interval. */
export interface PoolInterval {
  readonly timeMs: number;
  readonly slots: number;
  readonly busy: number;
  readonly warm: number;
  readonly runners: number;
  readonly memoryBytesMax: number;
  readonly coldStarts: number;
  /** Undefined when nobody could say. */
  readonly waiting: number | undefined;
  readonly waitingMax: number;
  readonly oldestWaitMsMax: number;
}

/** The intervals of a pool, or of a runner of it. */
export interface PoolIntervals {
  readonly pool: string;
  /** Empty for the whole pool. */
  readonly runner: string;
  readonly points: readonly PoolInterval[];
}

/** Which runs: all of a project, those of a workflow or those in a pool. */
export type SeriesScope = { readonly kind: "project" } | { readonly kind: "workflow" | "pool"; readonly name: string };

/** A range of intervals. */
export interface SeriesQuery {
  readonly projectId: string;
  readonly scope: SeriesScope;
  readonly level: SeriesLevel;
  /** A multiple of the level's resolution. */
  readonly startMs: number;
  readonly endMs: number;
  /** Most pools, and most runners. */
  readonly poolsMax: number;
}

/** What a range holds. */
export interface SeriesPage {
  /** Null when nothing was counted yet. */
  readonly countedUntilMs: number | null;
  /** Those that were counted, oldest first. */
  readonly runs: readonly RunInterval[];
  /** Pools and runners, in the order of their names. */
  readonly pools: readonly PoolIntervals[];
  /** Runners that there are beyond these. */
  readonly runnersLeftOut: number;
}

/** How runs and pools did over time. */
export interface Series {
  /** Says what waits at a scheduler: each says so before it counts. */
  report(scheduler: string, waiting: readonly WaitingSample[]): Promise<void>;
  /**
   * Counts what has happened since the last time, and adds the sample to the interval that has just ended; false when another
   * scheduler has done so. Call it shortly after each multiple of `SERIES_STEP_MS`.
   */
  keep(nowMs: number, sample: HouseSample): Promise<boolean>;
  /** True when the interval that ended last is counted. */
  isKept(nowMs: number): Promise<boolean>;
  /** Reads intervals; its cost depends on their number alone. */
  read(query: SeriesQuery): Promise<SeriesPage>;
}
