import { PlatformError } from "@millrace/core";

/** Bounds how many callers follow something at the same time. */
export class ReaderGate {
  readonly #readersMax: number;
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
}
