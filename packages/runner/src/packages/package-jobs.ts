import { createHash } from "node:crypto";

import { coerceError, PlatformError } from "@millrace/core";
import * as control from "@millrace/protocol/control";

import type { BuildProgress } from "./package-build.ts";
import { type PackageSets, packageSetHash } from "./package-sets.ts";

/** What jobs are made of. */
export interface PackageJobsOptions {
  readonly runner: string;
  readonly sets: PackageSets;
  /** The Python minor of this runner's environments; undefined while no worker is ready. */
  readonly pythonMinor: () => string | undefined;
  /** A question is answered at the next news, and after this at the latest. */
  readonly answerAfterMs: number;
  /** How long the outcome of a job is kept for its next question. */
  readonly keepMs: number;
  readonly jobsMax: number;
}

interface Job {
  progress: BuildProgress;
  outcome: { readonly set: control.PreparePackagesResponse } | { readonly error: PlatformError } | undefined;
  /** Settles at the next news. */
  news: Promise<void>;
  announce: () => void;
  askedMs: number;
}

const STAGES = {
  WAITING: control.PackageStage.WAITING,
  RESOLVING: control.PackageStage.RESOLVING,
  DOWNLOADING: control.PackageStage.DOWNLOADING,
  INSTALLING: control.PackageStage.INSTALLING,
} as const;

/**
 * Deploys that want packages: the first question starts a job, the next ones ask how far it is. So every message may be lost
 * or doubled, and the same wish of two gateways is one job.
 */
export class PackageJobs {
  readonly #options: PackageJobsOptions;
  readonly #jobs = new Map<string, Job>();

  constructor(options: PackageJobsOptions) {
    this.#options = options;
  }

  /** Answers a question; a job's failure is thrown. */
  async ask(request: control.PreparePackagesRequest): Promise<control.PreparePackagesResponse> {
    const id = request.job === "" ? this.#begin(request) : request.job;
    const job = this.#jobs.get(id);
    if (job === undefined) throw new PlatformError("NotFound", "JOB_UNKNOWN", "this runner does not know the job");
    job.askedMs = performance.now();
    if (job.outcome === undefined) await Promise.race([job.news, pause(this.#options.answerAfterMs)]);
    const base = { runner: this.#options.runner, job: id, prepared: undefined, dropped: [], error: undefined };
    if (job.outcome === undefined) {
      const { stage, done, total } = job.progress;
      return { ...base, stage: STAGES[stage], done, total };
    }
    if ("error" in job.outcome) throw job.outcome.error;
    return { ...job.outcome.set, job: id };
  }

  #begin(request: control.PreparePackagesRequest): string {
    const id = createHash("sha256").update(control.PreparePackagesRequest.encode(request).finish()).digest("hex");
    this.#forgetOld();
    const known = this.#jobs.get(id);
    // Who asks anew wants what is right now: the index may have changed since.
    if (known !== undefined && known.outcome === undefined) return id;
    if (this.#jobs.size >= this.#options.jobsMax) {
      throw new PlatformError("ResourceExhausted", "TOO_MANY_BUILDS", "this runner prepares too many versions already");
    }
    const { promise: news, resolve: announce } = Promise.withResolvers<void>();
    const progress: BuildProgress = { stage: "WAITING", done: 0, total: 0 };
    const job: Job = { progress, outcome: undefined, news, announce, askedMs: performance.now() };
    this.#jobs.set(id, job);
    void this.#run(request, (next) => this.#tell(job, { progress: next })).then(
      (set) => this.#tell(job, { outcome: { set } }),
      (thrown: unknown) => this.#tell(job, { outcome: { error: coerceError(thrown) } }),
    );
    return id;
  }

  #tell(job: Job, news: Partial<Job>): void {
    Object.assign(job, news);
    const announce = job.announce;
    const next = Promise.withResolvers<void>();
    job.news = next.promise;
    job.announce = next.resolve;
    announce();
  }

  #forgetOld(): void {
    const before = performance.now() - this.#options.keepMs;
    for (const [id, job] of this.#jobs) if (job.outcome !== undefined && job.askedMs < before) this.#jobs.delete(id);
  }

  async #run(
    request: control.PreparePackagesRequest,
    onProgress: (progress: BuildProgress) => void,
  ): Promise<control.PreparePackagesResponse> {
    const { sets } = this.#options;
    const pythonMinor = this.#options.pythonMinor();
    if (pythonMinor === undefined) throw new PlatformError("Unavailable", "NO_WORKER", "no worker is ready yet");
    if (request.lock !== "" && request.pythonMinor !== pythonMinor) {
      const message = `the packages were locked for Python ${request.pythonMinor}, this runner has ${pythonMinor}`;
      throw new PlatformError("FailedPrecondition", "WRONG_PYTHON", message);
    }
    const { lock, dropped } =
      request.lock === "" ? await sets.resolve(pythonMinor, request, onProgress) : { lock: request.lock, dropped: [] };
    if (request.lock !== "") await sets.ensure(pythonMinor, lock, onProgress);
    return {
      runner: this.#options.runner,
      job: "",
      stage: control.PackageStage.READY,
      done: 0,
      total: 0,
      prepared: { hash: packageSetHash(pythonMinor, lock), pythonMinor, lock, folder: "" },
      dropped: [...dropped],
      error: undefined,
    };
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
