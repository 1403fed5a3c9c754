/** A gateway as others know it. */
export interface GatewayPeer {
  readonly gateway: string;
  readonly generation: number;
  /** Monotonic, in ms. */
  readonly seenAtMs: number;
}

/**
 * The gateways that are alive, as far as this one has heard: each answers every announcement, and each announces what it
 * serves every few seconds. One that has been silent for long enough is no longer waited for.
 */
export class GatewayPeers {
  readonly #peers = new Map<string, GatewayPeer>();
  readonly #silenceMaxMs: number;
  readonly #now: () => number;

  constructor(silenceMaxMs: number, now: () => number) {
    this.#silenceMaxMs = silenceMaxMs;
    this.#now = now;
  }

  /** A gateway said which generation it serves. */
  heard(gateway: string, generation: number): void {
    this.#peers.set(gateway, { gateway, generation, seenAtMs: this.#now() });
  }

  /** Those heard lately, by name. */
  living(): GatewayPeer[] {
    const oldestMs = this.#now() - this.#silenceMaxMs;
    for (const { gateway, seenAtMs } of this.#peers.values()) if (seenAtMs < oldestMs) this.#peers.delete(gateway);
    return [...this.#peers.values()].sort((a, b) => (a.gateway < b.gateway ? -1 : 1));
  }

  /** True when every living gateway serves the generation or a later one. */
  allServe(generation: number): boolean {
    return this.living().every((peer) => peer.generation >= generation);
  }
}
