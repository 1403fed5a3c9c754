import { PlatformError } from "@millrace/core";
import { DiscardPolicy, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import { connectionOf, type Bus, type BusSubscription } from "./bus.ts";
import { translateNatsError } from "./bus-errors.ts";
import { ensureStream, streamsOf, type Replicas } from "./streams.ts";
import { subjects } from "./subjects.ts";

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
  /** Copies of the bucket in a NATS cluster. Default: as many as fit, at most three. */
  replicas?: Replicas;
}

/** This scheduler's lease, and its view of the others'. */
export interface Leases {
  readonly ttlMs: number;
  /** Renews the lease with the partitions held or claimed. Throws when it was not renewed; the old one then still counts. */
  put(holds: readonly number[]): Promise<LeaseView>;
  /** Gives the lease back at once: a clean stop. */
  remove(): Promise<void>;
  /** Told when another scheduler's lease names other partitions than before, or is gone: a look is worth its while. */
  onChange(listener: () => void): BusSubscription;
}

const BUCKET = "millrace_leases";
const STREAM = `KV_${BUCKET}`;
const PREFIX = `$KV.${BUCKET}.`;
/** A bucket with fewer copies than wanted is looked at again after this: the cluster may have grown. */
const RAISE_AFTER_MS = 30_000;
/** Pauses before a server that is behind is asked again. */
const BEHIND_PAUSE_MS = { first: 1, max: 50 } as const;

/**
 * Opens the leases. One entry per scheduler in a bucket in memory whose entries the server drops after the TTL.
 *
 * Whether another scheduler lives decides over a takeover, so stale reads do not count: all entries are read in one
 * batch, from one server, whichever it is, and the batch counts only when this very renewal is in it: that server
 * has then seen everything that was written before. The bucket is gone when a NATS server without
 * replicas restarts, and is then made again.
 */
export function openLeases(bus: Bus, options: LeaseOptions): Leases {
  return new KvLeases(bus, options);
}

/**
 * The living schedulers with their partitions, for people to look at: it may be behind by a moment, so nobody decides over a
 * takeover by it. Empty while no scheduler has ever been there.
 */
export async function readLeases(bus: Bus, timeoutMs = 1_000): Promise<Map<string, readonly number[]>> {
  const entries = await readEntries(bus, timeoutMs);
  return new Map([...entries].map(([name, { holds }]) => [name, holds]));
}

interface Entry {
  readonly sequence: number;
  readonly holds: readonly number[];
}

class KvLeases implements Leases {
  readonly ttlMs: number;
  #bus: Bus;
  #scheduler: string;
  #timeoutMs: number;
  #replicas: Replicas;
  /** What the others were last told to look at. */
  #shown: string | undefined;
  /** The connection on which the bucket was seen as it should be, and until when that counts. */
  #seen: { connection: object; untilMs: number } | undefined;

  constructor(bus: Bus, options: LeaseOptions) {
    this.#bus = bus;
    this.#scheduler = options.scheduler;
    this.ttlMs = options.ttlMs ?? 2_000;
    this.#timeoutMs = options.timeoutMs ?? 1_000;
    this.#replicas = options.replicas ?? "auto";
  }

  async put(holds: readonly number[]): Promise<LeaseView> {
    try {
      return await this.#renew(holds);
    } catch (thrown) {
      const error = translateNatsError(thrown, "renewing the lease");
      this.#seen = undefined;
      // The bucket may have been lost since; a second try makes it. What is wrong with NATS itself fails again.
      if (!this.#bus.connected || error.reason === "BUS_TIMEOUT") throw error;
    }
    try {
      return await this.#renew(holds);
    } catch (thrown) {
      this.#seen = undefined;
      throw translateNatsError(thrown, "renewing the lease");
    }
  }

  async remove(): Promise<void> {
    try {
      const { manager } = await streamsOf(this.#bus, "giving the lease back", this.#timeoutMs);
      await manager.streams.purge(STREAM, { filter: PREFIX + this.#scheduler });
      this.#nudge();
    } catch (thrown) {
      throw translateNatsError(thrown, "giving the lease back");
    }
  }

  onChange(listener: () => void): BusSubscription {
    return this.#bus.subscribe(subjects.leaseChanged(), (data) => {
      if (Buffer.from(data).toString() !== this.#scheduler) listener();
    });
  }

  #nudge(): void {
    this.#bus.publish(subjects.leaseChanged(), Buffer.from(this.#scheduler));
  }

  async #renew(holds: readonly number[]): Promise<LeaseView> {
    await this.#ensure();
    const { client } = await streamsOf(this.#bus, "renewing the lease", this.#timeoutMs);
    const value = JSON.stringify(holds);
    const sentAtMs = performance.now();
    const options = { timeout: this.#timeoutMs, retries: 0 };
    const { seq } = await client.publish(PREFIX + this.#scheduler, value, options);
    if (value !== this.#shown) this.#nudge();
    this.#shown = value;
    return { sentAtMs, living: await this.#readBehind(seq, sentAtMs + this.#timeoutMs) };
  }

  /** What one server has that has seen our write: one that has not is asked again after a moment. */
  async #readBehind(sequence: number, deadlineMs: number): Promise<Map<string, readonly number[]>> {
    for (let pauseMs: number = BEHIND_PAUSE_MS.first; ; pauseMs = Math.min(2 * pauseMs, BEHIND_PAUSE_MS.max)) {
      const entries = await readEntries(this.#bus, this.#timeoutMs);
      if ((entries.get(this.#scheduler)?.sequence ?? 0) >= sequence)
        return new Map([...entries].map(([name, { holds }]) => [name, holds]));
      if (performance.now() > deadlineMs)
        throw new PlatformError("Unavailable", "LEASES_STALE", "the leases were read from a server that is behind");
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  /** Makes the bucket, or brings one up to the settings: one that was made under another may drop leases before their time. */
  async #ensure(): Promise<void> {
    const connection = connectionOf(this.#bus, "opening the leases");
    if (this.#seen?.connection === connection && performance.now() < this.#seen.untilMs) return;
    const streams = await streamsOf(this.#bus, "opening the leases", this.#timeoutMs);
    const enough = await ensureStream(streams, this.#config(), this.#replicas, (there) => ({
      // One that keeps leases longer harms nobody.
      max_age: Math.max(there.max_age, this.ttlMs * 1_000_000),
    }));
    this.#seen = { connection, untilMs: enough ? Infinity : performance.now() + RAISE_AFTER_MS };
  }

  #config() {
    return {
      name: STREAM,
      subjects: [`${PREFIX}>`],
      storage: StorageType.Memory,
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.New,
      max_msgs_per_subject: 1,
      max_age: this.ttlMs * 1_000_000,
      duplicate_window: Math.min(this.ttlMs, 1_000) * 1_000_000,
      allow_rollup_hdrs: true,
      deny_delete: true,
      allow_direct: true,
    };
  }
}

/** All entries as one server has them, read in one batch. None while nobody has the bucket. */
async function readEntries(bus: Bus, timeoutMs: number): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  const askedMs = performance.now();
  const question = Buffer.from(JSON.stringify({ multi_last: [`${PREFIX}>`] }));
  const complete = await bus.gather(`$JS.API.DIRECT.GET.${STREAM}`, question, {
    timeoutMs,
    onReply: (data, { headers }) => {
      // 204 ends a batch, 404 is an empty one.
      if (headers?.["Status"] !== undefined) return true;
      const subject = headers?.["Nats-Subject"];
      if (subject === undefined || !subject.startsWith(PREFIX)) return false;
      const holds = data.length === 0 ? [] : (JSON.parse(Buffer.from(data).toString()) as number[]);
      entries.set(subject.slice(PREFIX.length), { sequence: Number(headers?.["Nats-Sequence"]), holds });
      return false;
    },
  });
  if (!complete && performance.now() - askedMs >= timeoutMs)
    throw new PlatformError("DeadlineExceeded", "BUS_TIMEOUT", "reading the leases: no answer in time");
  return entries;
}
