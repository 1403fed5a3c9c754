import { fstatSync } from "node:fs";
import { events } from "./events.ts";
import type { Logger } from "./logger.ts";
import { giveMemoryBackWhenQuiet } from "./quiet-memory.ts";

/** What `start` hands back. */
export interface RunningProcess {
  /** Takes nothing more from outside, and answers what is under way there; whoever is inside still finds it. */
  closeDoors?(): Promise<void>;
  /** Takes no new work, waits for what is under way, closes everything. */
  drain(): Promise<void>;
}

export interface ProcessOptions {
  /** Role of the process, for its log lines. */
  role: string;
  log: Logger;
  /** Connects, wires, listens. When it rejects, the process ends with code 1. */
  start: () => Promise<RunningProcess>;
  /** How long `drain` may take before the process ends all the same. */
  drainTimeoutMs: number;
  /** Stop when the process that started this one is gone. */
  exitWithParent: boolean;
  /** Memory is given back after so long without work; 0 for never. */
  quietAfterMs: number;
}

const PARENT_CHECK_MS = 500;

/**
 * Runs a process from its start to its end: SIGTERM or SIGINT (or the loss of its parent, when that was asked for) drains
 * it within a deadline, a second signal ends it at once, and what nobody caught ends it with code 1: its state is unknown
 * then, and everything that matters is in the record. SIGUSR2 closes its doors alone, for whoever stops it in two steps.
 */
export function runProcess(options: ProcessOptions): void {
  new ProcessLife(options).begin();
}

class ProcessLife {
  #options: ProcessOptions;
  #running: Promise<RunningProcess> | undefined;
  #stopping = false;

  constructor(options: ProcessOptions) {
    this.#options = options;
  }

  begin(): void {
    const { log, role, exitWithParent, start } = this.#options;
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => this.#stop(signal));
    process.on("SIGUSR2", () => void this.#closeDoors());
    process.on("uncaughtException", (thrown) => this.#fail(thrown));
    process.on("unhandledRejection", (thrown) => this.#fail(thrown));
    if (exitWithParent) watchParent((how) => this.#parentLost(how));
    giveMemoryBackWhenQuiet(this.#options.quietAfterMs, log);
    log.info(events.processStarted, { role, pid: process.pid, node: process.version });
    this.#running = start();
    this.#running.then(
      () => log.info(events.processReady, { role }),
      (thrown: unknown) => this.#fail(thrown),
    );
  }

  #parentLost(how: string): void {
    if (this.#stopping) return;
    this.#options.log.warn(events.parentLost, { how });
    this.#stop("parent");
  }

  #stop(cause: string): void {
    const { log, drainTimeoutMs } = this.#options;
    if (this.#stopping) {
      // The loss of a parent often follows its signal; only a person's second signal is impatience.
      if (cause !== "parent") process.exit(1);
      return;
    }
    this.#stopping = true;
    log.info(events.processDraining, { cause, timeoutMs: drainTimeoutMs });
    setTimeout(() => {
      log.warn(events.processDrainLate, { timeoutMs: drainTimeoutMs });
      process.exit(1);
    }, drainTimeoutMs).unref();
    void this.#drain();
  }

  async #closeDoors(): Promise<void> {
    try {
      const running = await this.#running;
      await running?.closeDoors?.();
      this.#options.log.info(events.processDoorsClosed);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  async #drain(): Promise<void> {
    try {
      const running = await this.#running;
      await running?.drain();
      this.#options.log.info(events.processDrained);
      process.exit(0);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #fail(thrown: unknown): void {
    this.#options.log.error(events.processFailed, { error: thrown });
    process.exit(1);
  }
}

/** A parent is gone when the pipe that it holds as our stdin ends, or when we are handed to another one. */
function watchParent(onLost: (how: string) => void): void {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && onLost("another process is the parent now"), PARENT_CHECK_MS).unref();
  const stdin = fstatSync(0);
  if (!stdin.isFIFO() && !stdin.isSocket()) return;
  process.stdin.on("end", () => onLost("stdin ended"));
  process.stdin.on("error", () => onLost("stdin failed"));
  process.stdin.resume();
}
