import { randomBytes } from "node:crypto";

import { PlatformError } from "@millrace/core";

import type { HostLog } from "./host-log.ts";
import { relayWorkerLine } from "./worker-lines.ts";
import { type WorkerCommand, type WorkerExit, WorkerProcess } from "./worker-process.ts";
import type { OpenStream } from "./session-server.ts";
import type { WorkerSession } from "./worker-session.ts";

/** Pauses before a worker that died early is started again; one that has lived long enough is replaced at once. */
export interface RestartPolicy {
  readonly firstMs: number;
  readonly maxMs: number;
  /** After a worker that lived this long the next one starts at once, and pauses begin with the first one again. */
  readonly stableAfterMs: number;
  /** A started worker that has opened no session by then is ended and started again. */
  readonly sessionTimeoutMs: number;
}

/** Exit codes of a worker that no restart cures; see its `--help`. */
const EXIT_BAD_SETTINGS = 2;
const EXIT_NO_SANDBOX = 4;

/** The kernel ends a worker's environments right behind it; nobody is told that they are gone before this has passed. */
const ENVIRONMENTS_END_MS = 100;

/** What a slot needs of its host. */
export interface SlotOptions {
  readonly workerId: string;
  readonly command: (token: string, workerId: string) => WorkerCommand;
  readonly restart: RestartPolicy;
  readonly log: HostLog;
  /** The session is over; what it ran may still be alive for a moment. */
  readonly onSessionEnd: (slot: WorkerSlot) => void;
  /** The process is gone, and with it every run of that session. */
  readonly onDied: (session: WorkerSession) => void;
  readonly onFatal: (error: PlatformError) => void;
}

/**
 * A place for one worker, which keeps it filled.
 *
 * States: starting (process, no session) → ready (session) → dead (pause, then starting again) until it is stopped. A token is
 * good for one session of one start of the process.
 */
export class WorkerSlot {
  readonly workerId: string;
  session: WorkerSession | undefined;
  #stream: OpenStream | undefined;
  /** The session of the present process, also when it has ended. */
  #latest: WorkerSession | undefined;
  readonly #options: SlotOptions;
  #token: string | undefined;
  #process: WorkerProcess | undefined;
  /** Settles when the present process has ended and everybody has been told. */
  #end: Promise<void> = Promise.resolve();
  #stopping = false;
  #pauseMs: number;
  #timer: NodeJS.Timeout | undefined;
  #lastLine = "";

  constructor(options: SlotOptions) {
    this.#options = options;
    this.workerId = options.workerId;
    this.#pauseMs = options.restart.firstMs;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts the process; it opens its session by itself. */
  start(): void {
    const { restart, log } = this.#options;
    this.#token = randomBytes(32).toString("hex");
    const startedMs = performance.now();
    const process = new WorkerProcess(this.#options.command(this.#token, this.workerId), (line) => {
      this.#lastLine = relayWorkerLine(line, this.workerId, log);
    });
    this.#process = process;
    this.#timer = setTimeout(() => {
      log.warn("worker.silent", { worker: this.workerId, afterMs: restart.sessionTimeoutMs });
      this.kill();
    }, restart.sessionTimeoutMs);
    this.#end = process.exited.then((exit) => this.#onExit(exit, performance.now() - startedMs));
  }

  /** True once, when the presented token is this start's own. */
  admit(matches: (token: string) => boolean): boolean {
    if (this.#token === undefined || !matches(this.#token)) return false;
    this.#token = undefined;
    return true;
  }

  /** The worker has opened its session. */
  opened(session: WorkerSession, stream: OpenStream): void {
    clearTimeout(this.#timer);
    this.session = session;
    this.#latest = session;
    this.#stream = stream;
  }

  /** The session is over. A worker without one can do nothing: whatever it still is, it makes room for the next. */
  closed(): void {
    if (this.session === undefined) return;
    this.session.close();
    this.session = undefined;
    this.#stream?.end();
    this.#stream = undefined;
    this.#options.onSessionEnd(this);
    if (!this.#stopping) this.kill();
  }

  /** Ends the process at once; the slot starts another unless it is stopping. */
  kill(): void {
    this.#process?.kill("SIGKILL");
  }

  /** Lets the worker end by itself within the time, else ends it. Nothing is started again. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const process = this.#process;
    if (process === undefined) return;
    if (this.session === undefined) process.kill("SIGTERM");
    const timer = setTimeout(() => process.kill("SIGKILL"), graceMs);
    await this.#end;
    clearTimeout(timer);
  }

  async #onExit(exit: WorkerExit, livedMs: number): Promise<void> {
    clearTimeout(this.#timer);
    this.#process = undefined;
    this.#token = undefined;
    this.closed();
    const died = this.#latest;
    this.#latest = undefined;
    if (!this.#stopping) this.#restart(exit, livedMs);
    if (died === undefined) return;
    await new Promise((resolve) => setTimeout(resolve, ENVIRONMENTS_END_MS));
    this.#options.onDied(died);
  }

  #restart(exit: WorkerExit, livedMs: number): void {
    const { restart, log, onFatal } = this.#options;
    const fatal = fatalExit(exit, this.#lastLine);
    if (fatal !== undefined) return onFatal(fatal);
    const isStable = livedMs >= restart.stableAfterMs;
    const restartInMs = isStable ? 0 : this.#pauseMs;
    this.#pauseMs = isStable ? restart.firstMs : Math.min(this.#pauseMs * 2, restart.maxMs);
    log.warn("worker.died", {
      worker: this.workerId,
      code: exit.code,
      signal: exit.signal,
      restartInMs,
    });
    if (isStable) this.start();
    else this.#timer = setTimeout(() => this.start(), restartInMs);
  }
}

function fatalExit(exit: WorkerExit, lastLine: string): PlatformError | undefined {
  if (exit.error !== undefined) {
    const message = `the worker could not be started: ${exit.error.message}`;
    return new PlatformError("FailedPrecondition", "WORKER_NOT_STARTED", message, { cause: exit.error });
  }
  if (exit.code === EXIT_NO_SANDBOX) {
    return new PlatformError("FailedPrecondition", "SANDBOX_UNAVAILABLE", lastLine || "no working sandbox");
  }
  if (exit.code === EXIT_BAD_SETTINGS) {
    return new PlatformError(
      "FailedPrecondition",
      "WORKER_SETTINGS_INVALID",
      lastLine || "the worker refused its settings",
    );
  }
  return undefined;
}
