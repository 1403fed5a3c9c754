import { coerceError, type messages, type PoolLoad } from "@millrace/core";
import { SERIES_STEP_MS, type HouseSample, type RunnerSample, type Series } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";

/** Behind the end of an interval: its last runs are committed by then. */
const DELAY_MS = 1_000;

/** What a keeper asks. */
export interface SeriesSources {
  /** Name of this scheduler. */
  readonly scheduler: string;
  readonly series: Pick<Series, "keep" | "isKept" | "report">;
  /** The runners that are alive. */
  readonly runners: () => readonly messages.Heartbeat[];
  /** What waits at this scheduler. */
  readonly loads: () => ReadonlyMap<string, PoolLoad>;
  /** The living schedulers, by name. */
  readonly readSchedulers: () => Promise<ReadonlyMap<string, unknown>>;
  readonly log: Logger;
}

/** Has the house counted once in each interval, by whichever scheduler comes first. Nothing of it is on the way of a run. */
export class SeriesKeeper {
  readonly #sources: SeriesSources;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(sources: SeriesSources) {
    this.#sources = sources;
  }

  start(): void {
    const dueMs = SERIES_STEP_MS - ((Date.now() - DELAY_MS) % SERIES_STEP_MS);
    this.#timer = setTimeout(() => {
      this.#running = this.round(Date.now()).finally(() => this.#stopped || this.start());
    }, dueMs);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** Counts, unless that was done. */
  async round(nowMs: number): Promise<void> {
    const { scheduler, series, loads, log } = this.#sources;
    try {
      const waiting = [...loads()].map(([pool, load]) => ({ pool, ...load }));
      await series.report(scheduler, waiting);
      if (!(await series.isKept(nowMs))) await series.keep(nowMs, await this.#sample());
    } catch (thrown) {
      // The next round counts this one's runs, too.
      log.warn("series.failed", { error: coerceError(thrown) });
    }
  }

  async #sample(): Promise<HouseSample> {
    const { runners, readSchedulers } = this.#sources;
    const schedulers = await readSchedulers().catch(() => undefined);
    return {
      runners: runners()
        .map(toSample)
        .sort((a, b) => (a.runner < b.runner ? -1 : 1)),
      schedulers: schedulers && [...schedulers.keys()],
    };
  }
}

function toSample(heartbeat: messages.Heartbeat): RunnerSample {
  const { runner, incarnation, pool, slotsTotal, held, warmVersions, draining } = heartbeat;
  return {
    ...{ runner, incarnation, pool },
    slots: draining ? 0 : slotsTotal,
    // While runs are short, a slot has several.
    busy: Math.min(held.length, slotsTotal),
    warm: warmVersions.reduce((sum, { idle }) => sum + idle, 0),
    memoryBytes: heartbeat.memoryBytes ?? 0,
    coldStarts: heartbeat.coldStarts ?? 0,
  };
}
