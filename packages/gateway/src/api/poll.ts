/** How often something is looked at while it does not change. */
export interface PollPace {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Waits between looks that grow longer while nothing happens. */
export class Poll {
  readonly #pace: PollPace;
  #nextMs: number;

  constructor(pace: PollPace) {
    this.#pace = pace;
    this.#nextMs = pace.firstMs;
  }

  /** Something has changed: look often again. */
  reset(): void {
    this.#nextMs = this.#pace.firstMs;
  }

  /** Waits for the next look; ends early, without an error, when the signal is aborted. */
  pause(signal: AbortSignal, longestMs = Infinity): Promise<void> {
    const pauseMs = Math.max(0, Math.min(this.#nextMs, longestMs));
    this.#nextMs = Math.min(this.#nextMs * 1.5, this.#pace.maxMs);
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, pauseMs);
      signal.addEventListener("abort", finish, { once: true });
    });
  }
}
