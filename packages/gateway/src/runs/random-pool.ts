import { randomFillSync } from "node:crypto";

/** Random bytes for run ids, asked of the system in bulk: one call for each run would cost more than the rest of the id. */
export class RandomPool {
  readonly #bytes = new Uint8Array(4_096);
  #used = this.#bytes.length;

  /** Bytes that nobody has had before. */
  take(count: number): Uint8Array {
    if (this.#used + count > this.#bytes.length) {
      randomFillSync(this.#bytes);
      this.#used = 0;
    }
    this.#used += count;
    return this.#bytes.slice(this.#used - count, this.#used);
  }
}
