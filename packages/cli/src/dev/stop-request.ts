const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Of one Ctrl-C under npm, both the terminal and npm send a SIGINT; only what comes later is a second one. */
const sameRequestMs = 1_000;

/** The wish to end, by a signal or by the program; and the wish, after it, to end at once. */
export class StopRequest {
  readonly #first = new AbortController();
  readonly #second = new AbortController();
  readonly #onSignal = (): void => this.request();
  #requestedAt = 0;

  constructor() {
    signals.forEach((name) => process.on(name, this.#onSignal));
  }

  /** Aborted by the first request. */
  get signal(): AbortSignal {
    return this.#first.signal;
  }

  request(): void {
    if (!this.#first.signal.aborted) {
      this.#requestedAt = performance.now();
      this.#first.abort();
    } else if (performance.now() - this.#requestedAt > sameRequestMs) {
      this.#second.abort();
    }
  }

  wait(): Promise<void> {
    return aborted(this.#first.signal);
  }

  waitForSecond(): Promise<void> {
    return aborted(this.#second.signal);
  }

  close(): void {
    signals.forEach((name) => process.off(name, this.#onSignal));
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    } else {
      signal.addEventListener("abort", () => resolve(), { once: true });
    }
  });
}
