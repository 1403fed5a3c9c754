import type { RunSummary } from "@millrace/store";

/** Runs that one watcher may be behind with. */
const RUNS_MAX = 2_000;

/** What one watcher gets at once. */
export interface WatchedChanges {
  /** The newest state of each. */
  readonly runs: readonly RunSummary[];
  /** Changes were lost before these. */
  readonly lost: boolean;
  readonly cursor: string;
}

/** Between the reader and one who watches and may be slower: of each run the newest state, of not too many of them. */
export class RunWatcher {
  #runs = new Map<string, RunSummary>();
  #lost = false;
  #cursor = "";
  #isDue = false;
  #wake: (() => void) | undefined;

  push(runs: readonly RunSummary[], cursor: string): void {
    for (const run of runs) this.#runs.set(run.id, run);
    if (this.#runs.size > RUNS_MAX) return this.lose(cursor);
    this.#due(cursor);
  }

  lose(cursor: string): void {
    this.#runs.clear();
    this.#lost = true;
    this.#due(cursor);
  }

  /** Waits for changes, or until the signal is aborted, and takes them. */
  async take(signal: AbortSignal): Promise<WatchedChanges> {
    if (!this.#isDue && !signal.aborted) await this.#changed(signal);
    const taken = { runs: [...this.#runs.values()], lost: this.#lost, cursor: this.#cursor };
    this.#runs = new Map();
    this.#lost = this.#isDue = false;
    return taken;
  }

  #due(cursor: string): void {
    this.#cursor = cursor;
    this.#isDue = true;
    this.#wake?.();
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        signal.removeEventListener("abort", finish);
        this.#wake = undefined;
        resolve();
      };
      signal.addEventListener("abort", finish, { once: true });
      this.#wake = finish;
    });
  }
}
