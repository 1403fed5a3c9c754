import { PlatformError } from "@millrace/core";
import {
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type ApiError,
  type StreamConfig,
} from "@nats-io/jetstream";
import { connectionOf, type Bus } from "../bus.ts";
import { translateNatsError } from "../bus-errors.ts";
import { ensureStream, streamsOf, type Replicas } from "../streams.ts";
import { listBucket, type ListedMessage } from "./lease-listing.ts";
import type { LeaseView } from "./lease-register.ts";

/** The stream of the one bucket; sealed when leases are held in several. */
export const SINGLE_STREAM = "KV_millrace_leases";
const PREFIX = "$KV.millrace_leases.";
/** A bucket with fewer copies than wanted is looked at again after this: the cluster may have grown. */
const RAISE_AFTER_MS = 30_000;
/** A scheduler that is alone looks for others this often. */
const LOOK_EVERY_MS = 2_000;
/** Pauses before a server that is behind is asked again. */
const BEHIND_PAUSE_MS = { first: 1, max: 50 } as const;

/** What a bucket of its own needs to know. */
export interface SingleBucketOptions {
  readonly scheduler: string;
  readonly ttlMs: number;
  readonly timeoutMs: number;
  /** Copies in a NATS cluster. */
  readonly replicas: Replicas;
}

/**
 * Leases in one bucket in memory, one entry per scheduler, whose entries the server drops after the TTL.
 *
 * Whether another scheduler lives decides over a takeover, so stale reads do not count: all entries are read in one
 * batch, from one server, whichever it is, and the batch counts only when this very renewal is in it: that server
 * has then seen everything that was written before. The bucket is gone when a NATS server without
 * replicas restarts, and is then made again.
 */
export class SingleBucket {
  #bus: Bus;
  #scheduler: string;
  #ttlMs: number;
  #timeoutMs: number;
  #replicas: Replicas;
  /** The connection on which the bucket was seen as it should be, and until when that counts. */
  #seen: { connection: object; untilMs: number } | undefined;
  /** The look that found nobody else: on which connection, with what in the lease, how long it counts. */
  #alone: { connection: object; value: string; untilMs: number } | undefined;
  /** When the last acknowledged renewal was sent. */
  #sentAtMs = -Infinity;

  constructor(bus: Bus, { scheduler, ttlMs, timeoutMs, replicas }: SingleBucketOptions) {
    this.#bus = bus;
    this.#scheduler = scheduler;
    this.#ttlMs = ttlMs;
    this.#timeoutMs = timeoutMs;
    this.#replicas = replicas;
  }

  /** Renews the lease. */
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

  /** Whether this scheduler was alone when it looked, not long ago, and its lease has lived on with the same in it ever since. */
  isAlone(holds: readonly number[]): boolean {
    const nowMs = performance.now();
    if (this.#alone === undefined || nowMs > Math.min(this.#alone.untilMs, this.#sentAtMs + this.#ttlMs)) return false;
    if (!this.#bus.connected || connectionOf(this.#bus, "renewing the lease") !== this.#alone.connection) return false;
    return JSON.stringify(holds) === this.#alone.value;
  }

  /** Renews the lease without a look at the others; resolves to when the renewal was sent. */
  async keep(holds: readonly number[]): Promise<number> {
    try {
      return (await this.#write(JSON.stringify(holds))).sentAtMs;
    } catch (thrown) {
      this.expectOthers();
      this.#seen = undefined;
      throw translateNatsError(thrown, "renewing the lease");
    }
  }

  /** The next renewal looks for others. */
  expectOthers(): void {
    this.#alone = undefined;
  }

  /** Ends the keeping of leases here for good: nobody can write to it again, whatever release it is of. */
  async seal(): Promise<void> {
    const { manager } = await streamsOf(this.#bus, "sealing the leases' bucket", this.#timeoutMs);
    await this.#ensure();
    const sealed: Partial<StreamConfig> = { sealed: true };
    await manager.streams.update(SINGLE_STREAM, sealed);
  }

  /** Gives the lease back. */
  async leave(): Promise<void> {
    try {
      const { manager } = await streamsOf(this.#bus, "giving the lease back", this.#timeoutMs);
      await manager.streams.purge(SINGLE_STREAM, { filter: PREFIX + this.#scheduler });
    } catch (thrown) {
      throw translateNatsError(thrown, "giving the lease back");
    }
  }

  async #renew(holds: readonly number[]): Promise<LeaseView> {
    this.expectOthers();
    await this.#ensure();
    const connection = connectionOf(this.#bus, "renewing the lease");
    const value = JSON.stringify(holds);
    const { sentAtMs, sequence } = await this.#write(value);
    const living = await this.#readBehind(sequence, sentAtMs + this.#timeoutMs);
    if (living.size === 1) this.#alone = { connection, value, untilMs: sentAtMs + LOOK_EVERY_MS };
    return { sentAtMs, living };
  }

  /** Asked as any other request, over the subscription for answers that is there already. */
  async #write(value: string): Promise<{ sentAtMs: number; sequence: number }> {
    const sentAtMs = performance.now();
    const options = { timeoutMs: this.#timeoutMs };
    const answer = await this.#bus.request(PREFIX + this.#scheduler, Buffer.from(value), options);
    const { error, seq } = JSON.parse(Buffer.from(answer).toString()) as { error?: ApiError; seq: number };
    if (error !== undefined) throw new JetStreamApiError(error);
    this.#sentAtMs = sentAtMs;
    return { sentAtMs, sequence: seq };
  }

  /** What one server has that has seen our write: one that has not is asked again after a moment. */
  async #readBehind(sequence: number, deadlineMs: number): Promise<Map<string, readonly number[]>> {
    for (let pauseMs: number = BEHIND_PAUSE_MS.first; ; pauseMs = Math.min(2 * pauseMs, BEHIND_PAUSE_MS.max)) {
      const entries = await listBucket(this.#bus, SINGLE_STREAM, PREFIX, this.#timeoutMs);
      if (entries.some((entry) => entry.name === this.#scheduler && entry.sequence >= sequence))
        return holdsOf(entries);
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
    const enough = await ensureStream(streams, this.#config(), this.#replicas, (there) => {
      if (there.sealed) throw movedError();
      // One that keeps leases longer harms nobody.
      return { max_age: Math.max(there.max_age, this.#ttlMs * 1_000_000) };
    });
    this.#seen = { connection, untilMs: enough ? Infinity : performance.now() + RAISE_AFTER_MS };
  }

  #config() {
    return {
      name: SINGLE_STREAM,
      subjects: [`${PREFIX}>`],
      storage: StorageType.Memory,
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.New,
      max_msgs_per_subject: 1,
      max_age: this.#ttlMs * 1_000_000,
      duplicate_window: Math.min(this.#ttlMs, 1_000) * 1_000_000,
      allow_rollup_hdrs: true,
      deny_delete: true,
      allow_direct: true,
    };
  }
}

/** What the one bucket says; empty while nobody has it. */
export async function readSingleBucket(bus: Bus, timeoutMs: number): Promise<Map<string, readonly number[]>> {
  try {
    return holdsOf(await listBucket(bus, SINGLE_STREAM, PREFIX, timeoutMs));
  } catch (thrown) {
    if (thrown instanceof PlatformError && thrown.reason === "BUS_NO_RESPONDERS") return new Map();
    throw thrown;
  }
}

function holdsOf(entries: readonly ListedMessage[]): Map<string, readonly number[]> {
  return new Map(entries.map(({ name, text }) => [name, text === "" ? [] : (JSON.parse(text) as number[])]));
}

/** Said by and of a scheduler whose settings or credential know of the one bucket only. */
function movedError(): PlatformError {
  return new PlatformError(
    "Unavailable",
    "LEASES_MOVED",
    "leases are held by three servers: MILLRACE_NATS_REPLICAS must be auto or 3, and the credential one of this release",
  );
}
