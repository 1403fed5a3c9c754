import type { Channels } from "@millrace/bus";
import { PlatformError } from "@millrace/core";

/** For the schedulers to answer; those that live answer within milliseconds. */
const ANSWER_MS = 1_000;

/** What runs want of one pool, and have of it. */
export interface PoolLoad {
  readonly waiting: number;
  readonly running: number;
  /** How long the oldest of the waiting runs has waited; 0 when none waits. */
  readonly oldestWaitMs: number;
}

export interface PoolLoads {
  readonly pools: ReadonlyMap<string, PoolLoad>;
  /** True when all living schedulers have answered. */
  readonly complete: boolean;
}

/** Asks the schedulers how much there is to do: nobody counts in the database, and nothing is said unless somebody asks. */
export class PoolLoadSurvey {
  readonly #channels: Pick<Channels, "poolLoads">;
  readonly #readSchedulers: () => Promise<ReadonlyMap<string, unknown>>;

  /** @param readSchedulers the living ones, by name */
  constructor(channels: Pick<Channels, "poolLoads">, readSchedulers: () => Promise<ReadonlyMap<string, unknown>>) {
    this.#channels = channels;
    this.#readSchedulers = readSchedulers;
  }

  /** @throws PlatformError `SCHEDULERS_SILENT` */
  async ask(): Promise<PoolLoads> {
    const missing = new Set((await this.#readSchedulers()).keys());
    const pools = new Map<string, PoolLoad>();
    const heard = new Set<string>();
    const complete = await this.#channels.poolLoads().ask(
      { watchingGateway: "" },
      {
        timeoutMs: ANSWER_MS,
        onResponse: (response) => {
          if (heard.has(response.scheduler)) return false;
          heard.add(response.scheduler);
          for (const { pool, waiting, running, oldestWaitMs } of response.pools) {
            const before = pools.get(pool) ?? { waiting: 0, running: 0, oldestWaitMs: 0 };
            pools.set(pool, {
              waiting: before.waiting + waiting,
              running: before.running + running,
              oldestWaitMs: Math.max(before.oldestWaitMs, oldestWaitMs),
            });
          }
          missing.delete(response.scheduler);
          return missing.size === 0;
        },
      },
    );
    if (heard.size > 0) return { pools, complete };
    throw new PlatformError("Unavailable", "SCHEDULERS_SILENT", "no scheduler answers");
  }
}
