import { PlatformError } from "@millrace/core";

/** Bounds how many callers follow something at the same time, and sends them away when the gateway stops. */
export class ReaderGate {
  readonly #readersMax: number;
  readonly #closing = new AbortController();
  #readers = 0;

  constructor(readersMax: number) {
    this.#readersMax = readersMax;
  }

  /** Takes a place; the result gives it back. Throws `TOO_MANY_READERS`. */
  enter(): Disposable {
    if (this.#readers >= this.#readersMax) {
      const message = `${this.#readersMax} callers are following runs or logs at this gateway, its limit; try again later`;
      throw new PlatformError("ResourceExhausted", "TOO_MANY_READERS", message);
    }
    this.#readers++;
    let inside = true;
    return {
      [Symbol.dispose]: () => {
        if (inside) this.#readers--;
        inside = false;
      },
    };
  }

  /** Aborted when the caller has gone or the gateway stops. */
  signalOf(caller: AbortSignal): AbortSignal {
    return AbortSignal.any([caller, this.#closing.signal]);
  }

  /** Throws `GATEWAY_STOPPING` when that is why a reader got no further. */
  assertOpen(): void {
    if (!this.#closing.signal.aborted) return;
    throw new PlatformError("Unavailable", "GATEWAY_STOPPING", "this gateway is stopping; follow at another one");
  }

  /** The gateway stops: whoever follows or waits gets what there is. */
  close(): void {
    this.#closing.abort();
  }
}
