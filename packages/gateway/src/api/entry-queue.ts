import type { runApi } from "@millrace/protocol";

/** Between a stream of lines and a caller who may be slower: bounded, and what does not fit is counted. */
export class EntryQueue {
  readonly #entriesMax: number;
  #entries: runApi.LogEntry[] = [];
  #dropped = 0;
  #wake: (() => void) | undefined;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  push(entries: readonly runApi.LogEntry[]): void {
    const room = Math.max(0, this.#entriesMax - this.#entries.length);
    this.#entries.push(...entries.slice(0, room));
    this.#dropped += Math.max(0, entries.length - room);
    this.#wake?.();
  }

  /** Takes everything, with the number of entries that did not fit. */
  take(): { entries: runApi.LogEntry[]; dropped: number } {
    const taken = { entries: this.#entries, dropped: this.#dropped };
    this.#entries = [];
    this.#dropped = 0;
    return taken;
  }

  /** Resolves when there is something, when the time is over, or when the signal is aborted. */
  wait(longestMs: number, signal: AbortSignal): Promise<void> {
    if (this.#entries.length > 0 || this.#dropped > 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", finish);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(finish, longestMs);
      signal.addEventListener("abort", finish, { once: true });
      this.#wake = finish;
    });
  }
}
