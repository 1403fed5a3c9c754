import type { ChildProcess } from "node:child_process";
import { closeSync } from "node:fs";
import { PlatformError } from "@millrace/core";
import { isAlive, launchProcess, signal, waitUntil, type Launch } from "@millrace/provision";
import type { LogFile } from "./log-file.ts";
import { readableTail } from "./readable-tail.ts";
import type { Role } from "./status-socket.ts";

const restartMinMs = 50;
const restartMaxMs = 5_000;
/** One that lived this long is not failing at its start: its next restart is quick again. */
const stableMs = 10_000;
const firstTriesMax = 3;
const killTimeoutMs = 5_000;
/** Three times in a row, so that one bad moment restarts nothing. */
const brokenTimes = 3;

/** What the supervisor has to know about a process to keep it running. */
export interface ProcessPlan {
  readonly role: Exclude<Role, "worker">;
  readonly launch: Launch;
  readonly isReady: (pid: number) => boolean | Promise<boolean>;
  /** Whether it runs on without being of use until it is started again; asked so often, and restarted after three times in a row. */
  readonly broken?: { readonly isSo: () => Promise<boolean>; readonly everyMs: number };
  readonly log: LogFile;
  /** Asks it to end in its own time; `stopTimeoutMs` later `hardSignal` follows, and then SIGKILL. */
  readonly stopSignal: NodeJS.Signals;
  readonly stopTimeoutMs: number;
  readonly hardSignal: NodeJS.Signals;
  /** How it closes its doors before others stop that it is needed by. */
  readonly retreat?: { readonly signal: NodeJS.Signals; readonly isDone: () => Promise<boolean> };
  /** Told of each end that nobody asked for. */
  readonly onDeath: (how: string) => void;
}

/**
 * One process, started again whenever it ends unasked.
 *
 * down -> up (started) -> down (ended) -> waiting (backoff) -> up …; `stop` from any of these -> stopped for good. Nothing
 * survives a crash of the supervisor: the kernel ends the process with it.
 */
export class SupervisedProcess {
  readonly role: Exclude<Role, "worker">;
  readonly #plan: ProcessPlan;
  #child: ChildProcess | undefined;
  #startedAt = 0;
  #starts = 0;
  #failedInARow = 0;
  #wasReady = false;
  #logStart = 0;
  #timer: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(plan: ProcessPlan) {
    this.#plan = plan;
    this.role = plan.role;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get restarts(): number {
    return Math.max(0, this.#starts - 1);
  }

  /**
   * Starts it and waits until it is ready. Throws PROCESS_FAILED, with the end of its log, when it keeps ending before, and
   * START_GIVEN_UP when it was told to stop meanwhile.
   */
  async start(timeoutMs: number): Promise<void> {
    this.#assertWanted();
    this.#spawn();
    await waitUntil(() => this.isReady(), {
      what: `readiness of ${this.role}`,
      timeoutMs,
      check: () => this.#checkFirstTries(),
    });
    this.#wasReady = true;
    this.#watchFor(0);
  }

  async isReady(): Promise<boolean> {
    const pid = this.pid;
    return pid !== undefined && (await this.#plan.isReady(pid));
  }

  /** Lets it close its doors, as far as it has some, and go on inside; it is not started again from now on. */
  async retreat(): Promise<void> {
    const { pid } = this;
    const { retreat, stopTimeoutMs } = this.#plan;
    if (pid === undefined || retreat === undefined) return;
    this.#giveUpRestarts();
    signal(pid, retreat.signal);
    const done = async (): Promise<boolean> => !isAlive(pid) || (await retreat.isDone());
    // Who is late is stopped all the same.
    await waitUntil(done, { what: `closed doors of ${this.role}`, timeoutMs: stopTimeoutMs }).catch(() => undefined);
  }

  /** Asks it to end, and sees to it that it does. */
  async stop(): Promise<void> {
    this.#giveUpRestarts();
    const pid = this.pid;
    if (pid === undefined) {
      return;
    }
    signal(pid, this.#plan.stopSignal);
    const ended = await this.#endsWithin(pid, this.#plan.stopTimeoutMs);
    if (!ended) {
      await this.kill();
    }
  }

  /** Ends it at once, with everything in its process group. */
  async kill(): Promise<void> {
    this.#giveUpRestarts();
    const pid = this.pid;
    if (pid === undefined) {
      return;
    }
    signal(-pid, this.#plan.hardSignal);
    if (!(await this.#endsWithin(pid, killTimeoutMs))) {
      signal(-pid, "SIGKILL");
      await this.#endsWithin(pid, killTimeoutMs);
    }
  }

  #giveUpRestarts(): void {
    this.#stopping = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#watch);
  }

  /** Looks from time to time whether it is broken, having found so this many times in a row. */
  #watchFor(found: number): void {
    const { broken } = this.#plan;
    if (broken === undefined || this.#stopping) return;
    this.#watch = setTimeout(async () => {
      const times = (await broken.isSo()) ? found + 1 : 0;
      if (times === brokenTimes) await this.#restart();
      this.#watchFor(times % brokenTimes);
    }, broken.everyMs).unref();
  }

  /** Ends it, so that it is started again. */
  async #restart(): Promise<void> {
    const pid = this.pid;
    if (pid === undefined || this.#stopping) return;
    signal(pid, this.#plan.stopSignal);
    if (!(await this.#endsWithin(pid, this.#plan.stopTimeoutMs))) signal(-pid, "SIGKILL");
  }

  #endsWithin(pid: number, timeoutMs: number): Promise<boolean> {
    return waitUntil(() => !isAlive(pid), { what: `end of ${this.role}`, timeoutMs }).then(
      () => true,
      () => false,
    );
  }

  #spawn(): void {
    const { launch, log } = this.#plan;
    this.#logStart = log.length();
    const output = log.open();
    const child = launchProcess(launch, ["ignore", output, output]);
    closeSync(output);
    this.#child = child;
    this.#starts++;
    this.#startedAt = performance.now();
    child.once("error", (error) => this.#ended(`could not be started: ${error.message}`));
    child.once("exit", (code, name) =>
      this.#ended(code === null ? `was killed by ${name}` : `ended with code ${code}`),
    );
  }

  #ended(how: string): void {
    this.#child = undefined;
    if (this.#stopping) {
      return;
    }
    this.#failedInARow = performance.now() - this.#startedAt < stableMs ? this.#failedInARow + 1 : 1;
    if (this.#wasReady) {
      this.#plan.onDeath(how);
    }
    const delayMs = Math.min(restartMaxMs, restartMinMs * 2 ** (this.#failedInARow - 1));
    this.#timer = setTimeout(() => this.#spawn(), delayMs);
  }

  #assertWanted(): void {
    if (this.#stopping) {
      throw new PlatformError("Cancelled", "START_GIVEN_UP", `${this.role} was told to stop while it started`);
    }
  }

  #checkFirstTries(): void {
    this.#assertWanted();
    if (this.#failedInARow >= firstTriesMax) {
      const output = readableTail(this.#plan.log.tail(this.#logStart));
      const message = `${this.role} does not start; the end of ${this.#plan.log.path}:\n${output}`;
      throw new PlatformError("FailedPrecondition", "PROCESS_FAILED", message, { metadata: { role: this.role } });
    }
  }
}
