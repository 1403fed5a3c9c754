import { PlatformError } from "@millrace/core";

/** Bounds the bytes of all request bodies that are in memory together, however many callers send them. */
export class ByteBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Counts bytes that have arrived. Throws `GATEWAY_BUSY` when there is no room for them. */
  take(bytes: number): void {
    if (this.#bytes + bytes > this.#bytesMax) {
      const message = "too many bytes of requests are under way at this gateway; try again";
      throw new PlatformError("ResourceExhausted", "GATEWAY_BUSY", message);
    }
    this.#bytes += bytes;
  }

  /** Gives room back. */
  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}
