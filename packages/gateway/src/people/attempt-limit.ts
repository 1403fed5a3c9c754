import { PlatformError } from "@millrace/core";

/** How often something may be tried. */
export interface AttemptBounds {
  /** Failures in one window. */
  readonly failuresMax: number;
  readonly windowMs: number;
}

const KEYS_MAX = 10_000;

interface Window {
  startMs: number;
  failures: number;
}

/** Counts failures by key in windows of time, in a bounded memory: the oldest are forgotten first. */
export class AttemptLimit {
  readonly #bounds: AttemptBounds;
  readonly #now: () => number;
  readonly #windows = new Map<string, Window>();

  constructor(bounds: AttemptBounds, now: () => number = () => performance.now()) {
    this.#bounds = bounds;
    this.#now = now;
  }

  /** Counts an attempt as a failure until `succeeded` says otherwise. Throws `TOO_MANY_ATTEMPTS`. */
  begin(keys: readonly string[]): void {
    const windows = keys.map((key) => this.#windowOf(key));
    const full = windows.find(({ failures }) => failures >= this.#bounds.failuresMax);
    if (full !== undefined) throw tooMany(full.startMs + this.#bounds.windowMs - this.#now());
    for (const window of windows) window.failures++;
  }

  /** The attempt was none of guessing. */
  succeeded(keys: readonly string[]): void {
    for (const key of keys) this.#windows.delete(key);
  }

  #windowOf(key: string): Window {
    const known = this.#windows.get(key);
    const nowMs = this.#now();
    if (known !== undefined && nowMs - known.startMs < this.#bounds.windowMs) return known;
    const window = { startMs: nowMs, failures: 0 };
    this.#windows.delete(key);
    this.#windows.set(key, window);
    if (this.#windows.size > KEYS_MAX) this.#windows.delete(this.#windows.keys().next().value!);
    return window;
  }
}

function tooMany(leftMs: number): PlatformError {
  const retryDelayMs = String(Math.max(1_000, Math.ceil(leftMs)));
  const message = "there were too many attempts to sign in; wait before the next one";
  return new PlatformError("ResourceExhausted", "TOO_MANY_ATTEMPTS", message, { metadata: { retryDelayMs } });
}
