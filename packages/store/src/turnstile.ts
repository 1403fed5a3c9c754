import { PlatformError } from "@millrace/core";

/** Lets so many through at the same time; the others wait for their turn, in order, and not for longer than they may. */
export class Turnstile {
  readonly #max: number;
  readonly #waitMs: number;
  readonly #waiting = new Set<() => void>();
  #inside = 0;

  constructor(max: number, waitMs: number) {
    this.#max = max;
    this.#waitMs = waitMs;
  }

  /** Runs an operation when it is its turn. Throws DATABASE_BUSY when that does not come in time. */
  async pass<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#inside < this.#max) this.#inside++;
    else await this.#turn();
    try {
      return await operation();
    } finally {
      this.#leave();
    }
  }

  /** Whoever leaves hands the place on. */
  #turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(enter);
        const message = `Too many others read: no turn within ${this.#waitMs} ms`;
        reject(new PlatformError("Unavailable", "DATABASE_BUSY", message));
      }, this.#waitMs);
      this.#waiting.add(enter);
    });
  }

  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#inside--;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
