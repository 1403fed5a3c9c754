import type { Channels } from "@millrace/bus";
import { coerceError, PlatformError } from "@millrace/core";
import type { control, session } from "@millrace/protocol";
import type { RunnerDirectory } from "../services/runner-directory.ts";

const REQUEST_MS = 5_000;
const RETRY_MS = 300;
/** For a runner of the pool to answer at all. */
const NOBODY_MS = 15_000;

/** Reasons that another runner, or the same one a little later, may not have. */
const PASSING: ReadonlySet<string> = new Set([
  "BUS_NO_RESPONDERS",
  "NO_RUNNER",
  "BUS_TIMEOUT",
  "JOB_UNKNOWN",
  "NO_WORKER",
  "TOO_MANY_BUILDS",
]);

/** What is to be had, and for how long it may be waited for. */
export interface PackageWish {
  readonly pool: string;
  readonly requirements: readonly control.PackageRequirement[];
  /** A lock that decides; empty to resolve the requirements. */
  readonly lock: string;
  readonly pythonMinor: string;
  readonly preferredLock: string;
  /** Whether the index is to be asked, also for what was resolved a short time ago. */
  readonly fresh: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** How far a runner is. */
export interface PackageNews {
  readonly stage: control.PackageStage;
  readonly done: number;
  readonly total: number;
}

/** A set that is installed at one runner of the pool. */
export interface PreparedPackages {
  readonly set: session.PackageSet;
  readonly dropped: readonly control.DroppedRequirement[];
}

/** Has a runner of a pool resolve and install packages; asks it again until it is done. */
export class PackagePreparation {
  readonly #channels: Pick<Channels, "preparePackages">;
  readonly #runners: Pick<RunnerDirectory, "pick">;

  constructor(channels: Pick<Channels, "preparePackages">, runners: Pick<RunnerDirectory, "pick">) {
    this.#channels = channels;
    this.#runners = runners;
  }

  /** Yields the news and returns the set. A runner that dies on the way is replaced by another, which starts over. */
  async *prepare(wish: PackageWish): AsyncGenerator<PackageNews, PreparedPackages> {
    const deadline = performance.now() + wish.timeoutMs;
    let answered: control.PreparePackagesResponse | undefined;
    let heardMs = performance.now();
    for (;;) {
      if (wish.signal.aborted) throw coerceError(wish.signal.reason);
      if (performance.now() > deadline) throw tooLate(wish.timeoutMs);
      try {
        answered = await this.#ask(wish, answered);
        heardMs = performance.now();
      } catch (thrown) {
        const error = coerceError(thrown);
        if (!PASSING.has(error.reason)) throw error;
        if (error.reason !== "TOO_MANY_BUILDS" && performance.now() - heardMs > NOBODY_MS)
          throw nobody(wish.pool, error);
        answered = undefined;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        continue;
      }
      const { stage, done, total, prepared, dropped } = answered;
      if (prepared !== undefined) return { set: prepared, dropped };
      yield { stage, done, total };
    }
  }

  async #ask(
    wish: PackageWish,
    answered: control.PreparePackagesResponse | undefined,
  ): Promise<control.PreparePackagesResponse> {
    if (answered !== undefined) {
      const request = {
        job: answered.job,
        requirements: [],
        lock: "",
        pythonMinor: "",
        preferredLock: "",
        fresh: false,
      };
      return this.#channels.preparePackages(answered.runner).request(request, { timeoutMs: REQUEST_MS });
    }
    const { pool, requirements, lock, pythonMinor, preferredLock, fresh } = wish;
    const request = { job: "", requirements: [...requirements], lock, pythonMinor, preferredLock, fresh };
    const runner = this.#runners.pick(pool);
    if (runner === undefined) throw nobody(pool);
    return this.#channels.preparePackages(runner).request(request, { timeoutMs: REQUEST_MS });
  }
}

function tooLate(timeoutMs: number): PlatformError {
  const message = `the packages were not there after ${Math.round(timeoutMs / 1000)} s; deploying again goes on with them`;
  return new PlatformError("DeadlineExceeded", "PACKAGES_TIMEOUT", message);
}

function nobody(pool: string, cause?: PlatformError): PlatformError {
  const message = `no runner of the pool "${pool}" is there to install the packages`;
  return new PlatformError("Unavailable", "NO_RUNNER", message, { cause });
}
