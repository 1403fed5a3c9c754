import { PlatformError } from "@millrace/core";
import { Kvm, type KV } from "@nats-io/kv";
import { StorageType, type JetStreamManager } from "@nats-io/jetstream";
import { connectionOf, type Bus } from "./bus.ts";
import { translateNatsError } from "./bus-errors.ts";
import { isStreamMissing, streamsOf } from "./streams.ts";

/** What a renewal saw. */
export interface LeaseView {
  /** Monotonic time (`performance.now()`) just before the renewal was sent: the lease lives for its TTL from then on. */
  sentAtMs: number;
  /** Partitions that each living scheduler names, this one included; read after this renewal was written. */
  living: Map<string, readonly number[]>;
}

export interface LeaseOptions {
  /** Name of this scheduler. */
  scheduler: string;
  /** How long a lease lives. Default 2,000. */
  ttlMs?: number;
  /** For each of the exchanges with NATS. Default 1,000. */
  timeoutMs?: number;
  /** Copies of the bucket in a NATS cluster. Default 1. */
  replicas?: number;
}

/** This scheduler's lease, and its view of the others'. */
export interface Leases {
  readonly ttlMs: number;
  /** Renews the lease with the partitions held or claimed. Throws when it was not renewed; the old one then still counts. */
  put(holds: readonly number[]): Promise<LeaseView>;
  /** Gives the lease back at once: a clean stop. */
  remove(): Promise<void>;
}

const BUCKET = "millrace_leases";
const STREAM = `KV_${BUCKET}`;
const PREFIX = `$KV.${BUCKET}.`;

/**
 * Opens the leases. One entry per scheduler in a bucket in memory whose entries the server drops after the TTL.
 *
 * Whether another scheduler lives decides over a takeover, so stale reads do not count: reads go to the stream's leader
 * (`STREAM.INFO`, `STREAM.MSG.GET`; never the direct API, which any replica answers), and a listing counts only when
 * it has seen this very renewal. The bucket is gone when a NATS server without replicas restarts, and is then made again.
 */
export function openLeases(bus: Bus, options: LeaseOptions): Leases {
  return new KvLeases(bus, options);
}

/**
 * The living schedulers with their partitions, for people to look at: it may be behind by a moment, so nobody decides over a
 * takeover by it. Empty while no scheduler has ever been there.
 */
export async function readLeases(bus: Bus, timeoutMs = 1_000): Promise<Map<string, readonly number[]>> {
  const { client, manager } = await streamsOf(bus, "reading the leases", timeoutMs);
  const living = new Map<string, readonly number[]>();
  try {
    const kv = await new Kvm(client).open(BUCKET);
    for (const name of await livingNames(manager, 0)) {
      const holds = await readHolds(kv, name);
      if (holds !== undefined) living.set(name, holds);
    }
  } catch (thrown) {
    if (!isStreamMissing(thrown)) throw translateNatsError(thrown, "reading the leases");
  }
  return living;
}

class KvLeases implements Leases {
  readonly ttlMs: number;
  #bus: Bus;
  #scheduler: string;
  #timeoutMs: number;
  #replicas: number;
  #bucket: { connection: object; kv: KV } | undefined;

  constructor(bus: Bus, options: LeaseOptions) {
    this.#bus = bus;
    this.#scheduler = options.scheduler;
    this.ttlMs = options.ttlMs ?? 2_000;
    this.#timeoutMs = options.timeoutMs ?? 1_000;
    this.#replicas = options.replicas ?? 1;
  }

  async put(holds: readonly number[]): Promise<LeaseView> {
    try {
      return await this.#renew(holds);
    } catch (thrown) {
      // The bucket may have been lost since; a second try makes it. What is wrong with NATS itself fails again.
      this.#bucket = undefined;
      if (!this.#bus.connected) throw translateNatsError(thrown, "renewing the lease");
    }
    try {
      return await this.#renew(holds);
    } catch (thrown) {
      this.#bucket = undefined;
      throw translateNatsError(thrown, "renewing the lease");
    }
  }

  async remove(): Promise<void> {
    try {
      const { manager } = await streamsOf(this.#bus, "giving the lease back", this.#timeoutMs);
      await manager.streams.purge(STREAM, { filter: PREFIX + this.#scheduler });
    } catch (thrown) {
      throw translateNatsError(thrown, "giving the lease back");
    }
  }

  async #renew(holds: readonly number[]): Promise<LeaseView> {
    const kv = await this.#open();
    const value = JSON.stringify(holds);
    const sentAtMs = performance.now();
    const sequence = await kv.put(this.#scheduler, value, { timeout: this.#timeoutMs });
    const { manager } = await streamsOf(this.#bus, "reading the leases");
    const names = await livingNames(manager, sequence);
    const living = new Map<string, readonly number[]>();
    await Promise.all(
      names.map(async (name) => {
        const entry = name === this.#scheduler ? holds : await readHolds(kv, name);
        if (entry !== undefined) living.set(name, entry);
      }),
    );
    return { sentAtMs, living };
  }

  async #open(): Promise<KV> {
    const connection = connectionOf(this.#bus, "opening the leases");
    if (this.#bucket?.connection === connection) return this.#bucket.kv;
    const { client, manager } = await streamsOf(this.#bus, "opening the leases", this.#timeoutMs);
    const kv = await new Kvm(client).create(BUCKET, {
      history: 1,
      ttl: this.ttlMs,
      storage: StorageType.Memory,
      replicas: this.#replicas,
      allow_direct: false,
    });
    await this.#lengthen(manager);
    this.#bucket = { connection, kv };
    return kv;
  }

  /** A bucket made under another setting may drop leases before their time; one that keeps them longer harms nobody. */
  async #lengthen(manager: JetStreamManager): Promise<void> {
    const { config } = await manager.streams.info(STREAM);
    const ttlNanos = this.ttlMs * 1_000_000;
    if (config.max_age >= ttlNanos) return;
    await manager.streams.update(STREAM, { ...config, max_age: ttlNanos });
  }
}

/** Keys of the leases that live; from a leader that has seen the write with this sequence, else the view is stale. */
async function livingNames(manager: JetStreamManager, sequence: number): Promise<string[]> {
  const info = await manager.streams.info(STREAM, { subjects_filter: `${PREFIX}>` });
  if (info.state.last_seq < sequence) {
    throw new PlatformError("Unavailable", "LEASES_STALE", "the leases were read from a server that is behind");
  }
  return Object.keys(info.state.subjects ?? {}).map((subject) => subject.slice(PREFIX.length));
}

/** Undefined when the lease has run out between the listing and this read. */
async function readHolds(kv: KV, name: string): Promise<readonly number[] | undefined> {
  const entry = await kv.get(name);
  return entry === null || entry.operation !== "PUT" ? undefined : (entry.json() as number[]);
}
