import type { BusSubscription, Definitions } from "@millrace/bus";
import { coerceError } from "@millrace/core";
import type { Workflows } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";
import type { DefinitionCache } from "./definition-cache.ts";
import type { GatewayPeers } from "./gateway-peers.ts";

/** How long a gateway that has just changed something waits for the others to serve it. */
const ACKNOWLEDGE_MS = 3_000;
/** How long the regular comparison listens for the others. */
const COMPARE_MS = 500;

export interface DefinitionSyncOptions {
  readonly gateway: string;
  readonly cache: DefinitionCache;
  readonly peers: GatewayPeers;
  readonly workflows: Pick<Workflows, "loadDefinitions" | "getGeneration">;
  readonly channel: Definitions;
  readonly checkMs: number;
  readonly log: Logger;
}

/**
 * Keeps this gateway's definitions the newest: it loads them at the start, whenever another gateway announces a later
 * generation, and compares with the database every few seconds, which also heals a lost announcement. A gateway that has
 * changed something announces it and waits until the living ones serve it.
 */
export class DefinitionSync {
  readonly #options: DefinitionSyncOptions;
  #loading: Promise<void> | undefined;
  #subscription: BusSubscription | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The record is on another server by now: what was read from the old one, and its generation, may never have been. */
  #doubted = false;

  constructor(options: DefinitionSyncOptions) {
    this.#options = options;
  }

  /** Loads for the first time and stays up to date until `stop`. */
  async start(): Promise<void> {
    const { channel, gateway, peers, cache } = this.#options;
    await this.refresh();
    peers.heard(gateway, cache.generation);
    this.#subscription = channel.serve(async ({ generation }) => {
      await this.reach(generation);
      return { gateway, generation: cache.generation };
    });
    this.#timer = setInterval(() => void this.compare(), this.#options.checkMs);
    void this.#announce(cache.generation, COMPARE_MS, false);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#subscription?.unsubscribe();
  }

  /** Loads, unless this gateway serves the generation already. */
  async reach(generation: number): Promise<void> {
    const { cache, log } = this.#options;
    // A load that is under way may have begun before the change was committed; the next one has not.
    for (let loads = 0; loads < 2; loads++) {
      if (cache.generation >= generation) return;
      await this.refresh();
    }
    if (cache.generation < generation) log.warn("definitions.behind", { generation, served: cache.generation });
  }

  /** Loads what has changed, announced or not. */
  refresh(): Promise<void> {
    this.#loading ??= this.#load().finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  /** Loads everything anew, as soon as that can be done. */
  doubt(): void {
    this.#doubted = true;
    this.refresh().catch((thrown: unknown) => {
      this.#options.log.warn("definitions.reload_failed", { error: coerceError(thrown) });
    });
  }

  /** Serves a change of this gateway's own, tells the others, and waits for them for a bounded time. */
  async publish(generation: number): Promise<void> {
    await this.reach(generation);
    const everybody = await this.#announce(generation, ACKNOWLEDGE_MS, true);
    const { log, peers } = this.#options;
    if (!everybody) log.warn("definitions.unacknowledged", { generation, gateways: peers.living() });
  }

  /** Looks whether the database is ahead, and tells the others what this gateway serves. */
  async compare(): Promise<void> {
    const { workflows, cache, log } = this.#options;
    try {
      const generation = await workflows.getGeneration();
      if (this.#doubted) await this.refresh();
      if (generation > cache.generation) await this.reach(generation);
    } catch (thrown) {
      log.warn("definitions.compare_failed", { error: coerceError(thrown) });
    }
    await this.#announce(cache.generation, COMPARE_MS, false);
  }

  async #load(): Promise<void> {
    const { workflows, cache } = this.#options;
    const doubted = this.#doubted;
    this.#doubted = false;
    const before = doubted ? 0 : cache.generation;
    try {
      const change = await workflows.loadDefinitions(before);
      if (doubted) cache.replace(change);
      else cache.apply(change);
      this.#loaded(before, change.workflows.length);
    } catch (thrown) {
      this.#doubted ||= doubted;
      throw thrown;
    }
  }

  #loaded(before: number, workflows: number): void {
    const { cache, log, peers, gateway } = this.#options;
    peers.heard(gateway, cache.generation);
    if (cache.generation !== before) {
      log.info("definitions.loaded", { generation: cache.generation, workflows });
    }
  }

  /** Resolves to whether all living gateways serve the generation. */
  #announce(generation: number, timeoutMs: number, untilAllServe: boolean): Promise<boolean> {
    const { channel, peers, gateway, cache } = this.#options;
    peers.heard(gateway, cache.generation);
    return channel.announce(
      { generation },
      {
        timeoutMs,
        onServed: (served) => {
          peers.heard(served.gateway, served.generation);
          return untilAllServe && peers.allServe(generation);
        },
      },
    );
  }
}
