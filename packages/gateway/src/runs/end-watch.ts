import { coerceError, isEndState, PlatformError } from "@millrace/core";
import type { Runs } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";

const TICK_MS = 100;
/** A run is looked at in growing intervals, so that long runs cost little. */
const INTERVAL_FIRST_MS = 100;
const INTERVAL_MAX_MS = 1_000;

export interface EndWatchOptions {
  readonly runs: Pick<Runs, "getStatus">;
  readonly waitersMax: number;
  readonly log: Logger;
}

interface Watched {
  readonly wake: Set<() => void>;
  intervalMs: number;
  lookAtMs: number;
}

/**
 * Waits for the ends of runs that others submitted. All that is due is read in one query, however many callers wait; while
 * the database is away they go on waiting.
 */
export class EndWatch {
  readonly #options: EndWatchOptions;
  readonly #watched = new Map<string, Watched>();
  #waiters = 0;
  #timer: NodeJS.Timeout | undefined;
  #reading = false;

  constructor(options: EndWatchOptions) {
    this.#options = options;
  }

  /** Resolves when the run has ended or is not there, when the time is over, or when the signal is aborted. */
  async wait(runId: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (this.#waiters >= this.#options.waitersMax) {
      const message = `${this.#waiters} callers are waiting for runs at this gateway, its limit; try again`;
      throw new PlatformError("ResourceExhausted", "GATEWAY_BUSY", message);
    }
    if (signal.aborted) return;
    const watched = this.#watch(runId);
    this.#waiters++;
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", finish);
        watched.wake.delete(finish);
        if (watched.wake.size === 0) this.#watched.delete(runId);
        resolve();
      };
      const timer = setTimeout(finish, timeoutMs);
      signal.addEventListener("abort", finish, { once: true });
      watched.wake.add(finish);
    });
    this.#waiters--;
  }

  #watch(runId: string): Watched {
    const watched = this.#watched.get(runId) ?? { wake: new Set(), intervalMs: INTERVAL_FIRST_MS, lookAtMs: 0 };
    this.#watched.set(runId, watched);
    this.#timer ??= setInterval(() => void this.#tick(), TICK_MS);
    return watched;
  }

  async #tick(): Promise<void> {
    if (this.#watched.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    if (this.#reading) return;
    const due = this.#due(performance.now());
    if (due.length === 0) return;
    this.#reading = true;
    try {
      const found = new Map((await this.#options.runs.getStatus(due)).map(({ id, state }) => [id, state]));
      for (const runId of due) {
        const state = found.get(runId);
        if (state === undefined || isEndState(state)) this.#wake(runId);
      }
    } catch (thrown) {
      this.#options.log.warn("runs.watch_failed", { runs: due.length, error: coerceError(thrown) });
    } finally {
      this.#reading = false;
    }
  }

  #due(nowMs: number): string[] {
    const due: string[] = [];
    for (const [runId, watched] of this.#watched) {
      if (nowMs < watched.lookAtMs) continue;
      due.push(runId);
      watched.lookAtMs = nowMs + watched.intervalMs;
      watched.intervalMs = Math.min(watched.intervalMs * 1.5, INTERVAL_MAX_MS);
    }
    return due;
  }

  #wake(runId: string): void {
    for (const wake of [...(this.#watched.get(runId)?.wake ?? [])]) wake();
  }
}
