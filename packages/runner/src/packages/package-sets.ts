import { createHash } from "node:crypto";

import { coerceError, PlatformError } from "@millrace/core";
import type { session } from "@millrace/protocol";
import type { Logger } from "@millrace/telemetry";

import { type BuildProgress, type BuildSettings, PackageBuild, type Resolution } from "./package-build.ts";
import { assertLock } from "./assert-lock.ts";
import { Resolutions, type ResolutionWish } from "./resolutions.ts";
import { SetIndex } from "./set-index.ts";
import { sizeOf } from "./size-of.ts";

/** How sets are built and kept. */
export interface PackageSetsOptions {
  readonly folder: string;
  readonly build: BuildSettings;
  /** Builds at the same time, and how many more may wait. */
  readonly buildsMax: number;
  readonly waitingMax: number;
  /** How long a failed set is not tried again for a run. */
  readonly retryAfterMs: number;
  /** How long a resolution stands for the next workflow that wishes the same. */
  readonly resolutionMs: number;
  readonly keep: { readonly bytesMax: number; readonly idleMs: number; readonly protectMs: number };
  readonly log: Logger;
}

type OnProgress = (progress: BuildProgress) => void;

const COLLECT_EVERY_MS = 3_600_000;

/** Names a set: SHA-256 over the Python minor and the lock. */
export function packageSetHash(pythonMinor: string, lock: string): string {
  return createHash("sha256").update(`${pythonMinor}\n${lock}`).digest("hex");
}

/** The package sets of this runner: each is built once, whoever asks, and shared from then on. */
export class PackageSets {
  readonly #options: PackageSetsOptions;
  readonly #index: SetIndex;
  readonly #flights = new Map<string, Promise<void>>();
  readonly #failures = new Map<string, { error: PlatformError; untilMs: number }>();
  readonly #turns: Turns;
  readonly #resolutions: Resolutions;
  readonly #builds = new Set<PackageBuild>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PackageSetsOptions) {
    this.#options = options;
    this.#index = new SetIndex(options.folder);
    this.#resolutions = new Resolutions(options.resolutionMs);
    this.#turns = new Turns(options.buildsMax, options.waitingMax);
  }

  async open(): Promise<void> {
    await this.#index.open();
    await this.#collect();
    this.#timer = setInterval(() => void this.#collect(), COLLECT_EVERY_MS);
    this.#timer.unref();
  }

  /** Ends every build. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#builds].map((build) => build.close()));
    await this.#index.close();
  }

  /** Whether a set is installed; asked at each start of a run of a version with packages. */
  has(hash: string): boolean {
    return this.#index.use(hash);
  }

  /** Name of a set's folder. */
  folderOf(hash: string): string {
    return this.#index.nameOf(hash);
  }

  /** Installs a set for runs that wait for it, unless that has failed a moment ago. */
  async ensureForRun({ hash, pythonMinor, lock }: session.PackageSet): Promise<void> {
    const failed = this.#failures.get(hash);
    if (failed !== undefined && performance.now() < failed.untilMs) throw failed.error;
    this.#failures.delete(hash);
    await this.ensure(pythonMinor, lock, () => {});
  }

  /** Installs a lock when it is not here; whoever asks for it meanwhile shares the build. */
  async ensure(pythonMinor: string, lock: string, onProgress: OnProgress): Promise<void> {
    const hash = packageSetHash(pythonMinor, lock);
    if (this.has(hash)) return;
    assertLock(lock);
    await this.#share(hash, () => this.#build(onProgress, (build) => this.#install(build, hash, lock, onProgress)));
  }

  /**
   * Turns requirements into a lock and installs it. In two builds: whatever ran while resolving, also of a package that the
   * lock does not name, could have changed what is installed from the same cache, under a name that others trust.
   */
  async resolve(pythonMinor: string, wish: ResolutionWish, onProgress: OnProgress): Promise<Resolution> {
    const { requirements, preferredLock } = wish;
    const resolution = await this.#resolutions.get(pythonMinor, wish, async () => {
      const asked = await this.#build(onProgress, (build) => build.resolve(requirements, preferredLock, onProgress));
      assertLock(asked.lock);
      return asked;
    });
    if (resolution.lock !== "") await this.ensure(pythonMinor, resolution.lock, onProgress);
    return resolution;
  }

  async #share(hash: string, work: () => Promise<void>): Promise<void> {
    const running = this.#flights.get(hash);
    if (running !== undefined) return await running;
    const flight = work()
      .catch((thrown: unknown) => {
        const error = coerceError(thrown);
        this.#failures.set(hash, { error, untilMs: performance.now() + this.#options.retryAfterMs });
        if (this.#failures.size > FAILURES_MAX) this.#failures.delete(this.#failures.keys().next().value!);
        throw error;
      })
      .finally(() => this.#flights.delete(hash));
    this.#flights.set(hash, flight);
    await flight;
  }

  async #install(build: PackageBuild, hash: string, lock: string, onProgress: OnProgress): Promise<void> {
    const startedMs = performance.now();
    await build.install(lock, onProgress);
    const bytes = await sizeOf(build.setFolder);
    await this.#index.add(hash, build.setFolder, bytes);
    this.#options.log.info("packages.installed", { hash, bytes, ms: Math.round(performance.now() - startedMs) });
    await this.#collect();
  }

  async #build<T>(onProgress: OnProgress, work: (build: PackageBuild) => Promise<T>): Promise<T> {
    onProgress({ stage: "WAITING", done: 0, total: 0 });
    return await this.#turns.take(async () => {
      const build = await PackageBuild.start(this.#index.newBuildFolder(), this.#options.build);
      this.#builds.add(build);
      try {
        return await work(build);
      } finally {
        this.#builds.delete(build);
        await build.close();
      }
    });
  }

  async #collect(): Promise<void> {
    const { keep, log } = this.#options;
    try {
      const removed = await this.#index.collect(keep);
      if (removed.length > 0) log.info("packages.collected", { sets: removed.length });
    } catch (thrown) {
      // What is not removed now is removed an hour later; nobody's packages depend on it.
      log.warn("packages.not_collected", { error: coerceError(thrown) });
    }
  }
}

const FAILURES_MAX = 1_000;

/** Lets some work at the same time; the rest waits in order, bounded. */
class Turns {
  readonly #max: number;
  readonly #waitingMax: number;
  #busy = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(max: number, waitingMax: number) {
    this.#max = max;
    this.#waitingMax = waitingMax;
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy >= this.#max) {
      if (this.#waiting.length >= this.#waitingMax) {
        const message = "this runner builds too many package sets at the same time";
        throw new PlatformError("ResourceExhausted", "TOO_MANY_BUILDS", message);
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#busy++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#busy--;
      else next();
    }
  }
}
