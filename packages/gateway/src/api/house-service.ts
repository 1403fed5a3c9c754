import { coerceError } from "@millrace/core";
import type { houseApi } from "@millrace/protocol";
import type { DurabilityFinding } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";
import type { GatewayPeer, GatewayPeers } from "../definitions/gateway-peers.ts";
import type { RunnerDirectory, SeenRunner } from "../services/runner-directory.ts";

export interface HouseServiceOptions {
  readonly gateway: string;
  readonly version: string;
  readonly publicUrl: () => string;
  readonly peers: GatewayPeers;
  readonly runners: RunnerDirectory;
  /** Partitions by scheduler. */
  readonly readSchedulers: () => Promise<ReadonlyMap<string, readonly number[]>>;
  readonly isBrokerConnected: () => boolean;
  readonly checkDurability: () => Promise<readonly DurabilityFinding[]>;
  readonly log: Logger;
}

/** `millrace.api.v1.HouseService`: answers also while NATS or Postgres is away, and says so. */
export class HouseService {
  readonly #options: HouseServiceOptions;

  constructor(options: HouseServiceOptions) {
    this.#options = options;
  }

  async getHouse(_request: houseApi.GetHouseRequest): Promise<houseApi.House> {
    const { gateway, version, publicUrl, peers, runners, isBrokerConnected } = this.#options;
    const [schedulers, findings] = await Promise.all([
      this.#orUndefined(this.#options.readSchedulers()),
      this.#orUndefined(this.#options.checkDurability()),
    ]);
    return {
      name: "house",
      version,
      gateway,
      publicUrl: publicUrl(),
      gateways: peers.living().map(toGateway),
      schedulers: [...(schedulers ?? [])].map(([scheduler, holds]) => ({ scheduler, partitionCount: holds.length })),
      runners: runners.living().map(toRunner),
      brokerConnected: isBrokerConnected(),
      databaseConnected: findings !== undefined,
      findings: (findings ?? []).map(({ reason, message }) => ({ reason, message })),
    };
  }

  async #orUndefined<T>(reading: Promise<T>): Promise<T | undefined> {
    try {
      return await reading;
    } catch (thrown) {
      this.#options.log.debug("house.partly_unknown", { error: coerceError(thrown) });
      return undefined;
    }
  }
}

function toGateway({ gateway, generation, seenAtMs }: GatewayPeer): houseApi.GatewayStatus {
  return { gateway, generation, seenTime: wallTime(seenAtMs) };
}

function toRunner({ heartbeat, seenAtMs }: SeenRunner): houseApi.RunnerStatus {
  const { runner, pool, slotsTotal, slotsFree, pythonMinors, held, draining, starting } = heartbeat;
  return {
    runner,
    pool,
    slotsTotal,
    slotsFree,
    pythonMinors,
    runCount: held.length,
    draining: draining && !starting,
    starting,
    seenTime: wallTime(seenAtMs),
  };
}

function wallTime(monotonicMs: number): Date {
  return new Date(Date.now() - (performance.now() - monotonicMs));
}
