import { DiscardPolicy, JetStreamApiError, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import type { Bus } from "../bus.ts";
import { translateNatsError } from "../bus-errors.ts";
import { ensureStream, streamsOf } from "../streams.ts";
import { listBucket, type ListedMessage } from "./lease-listing.ts";
import type { LeaseBucket, LeaseEntry, ListedEntry } from "./lease-register.ts";

/** Buckets of leases in a cluster: a server has the one whose number its tag carries. */
export const SERVER_BUCKETS = [0, 1, 2] as const;

/** The tag in a NATS server's configuration (`server_tags`) that gives it one of the buckets. */
function leaseTag(index: number): string {
  return `millrace-leases-${index}`;
}

const streamOf = (index: number): string => `LEASES_${index}`;
const prefixOf = (index: number): string => `millrace.leases.${index}.`;

const WRONG_LAST_SEQUENCE = 10071;
/** Servers drop entries after so many lives of a lease: this clears away what dead schedulers left and decides nothing. */
const DROP_AFTER_LIVES = 10;

/** What the bucket of one server is reached by. */
export interface ServerBucketOptions {
  readonly scheduler: string;
  readonly timeoutMs: number;
}

/** A bucket on one server of a cluster: a stream of one copy, in memory, which no election concerns. */
export class ServerBucket implements LeaseBucket {
  readonly #bus: Bus;
  readonly #index: number;
  readonly #options: ServerBucketOptions;

  constructor(bus: Bus, index: number, options: ServerBucketOptions) {
    this.#bus = bus;
    this.#index = index;
    this.#options = options;
  }

  async write(entry: LeaseEntry, expected: number): Promise<number | undefined> {
    const { scheduler, timeoutMs } = this.#options;
    try {
      const { client } = await streamsOf(this.#bus, "renewing the lease", timeoutMs);
      const expect = { lastSubjectSequence: expected };
      const options = { timeout: timeoutMs, retries: 0, expect };
      return (await client.publish(prefixOf(this.#index) + scheduler, JSON.stringify(entry), options)).seq;
    } catch (thrown) {
      if (thrown instanceof JetStreamApiError && thrown.code === WRONG_LAST_SEQUENCE) return undefined;
      throw translateNatsError(thrown, `renewing the lease in ${streamOf(this.#index)}`);
    }
  }

  async list(): Promise<ReadonlyMap<string, ListedEntry>> {
    const { timeoutMs } = this.#options;
    const listed = await listBucket(this.#bus, streamOf(this.#index), prefixOf(this.#index), timeoutMs);
    return new Map(listed.map(({ name, sequence, text }) => [name, { sequence, entry: entryOf(text) }]));
  }
}

/** Makes the buckets, or finds them made. Throws when servers lack the tags, or an election is under way. */
export async function makeServerBuckets(bus: Bus, ttlMs: number, timeoutMs: number): Promise<void> {
  const streams = await streamsOf(bus, "making the leases' buckets", timeoutMs);
  const max_age = DROP_AFTER_LIVES * ttlMs * 1_000_000;
  // The last one first: where fewer servers have tags, none is made.
  for (const index of SERVER_BUCKETS.toReversed()) {
    const config = {
      name: streamOf(index),
      subjects: [`${prefixOf(index)}*`],
      storage: StorageType.Memory,
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.New,
      max_msgs_per_subject: 1,
      max_age,
      duplicate_window: 1_000_000_000,
      allow_direct: true,
      placement: { cluster: "", tags: [leaseTag(index)] },
    };
    await ensureStream(streams, config, 1, (there) => ({ max_age: Math.max(there.max_age, max_age) }));
  }
}

/** What the buckets show, for people to look at. */
export interface ServerBucketsView {
  /** Partitions by scheduler. */
  readonly schedulers: Map<string, readonly number[]>;
  /** How many of the buckets have answered. */
  readonly answering: number;
}

/**
 * What the buckets show; undefined when no server has one. Of each scheduler the newest entry, as far as its server has heard of it
 * within the life of a lease before it last heard of anybody.
 */
export async function readServerBuckets(bus: Bus, timeoutMs: number): Promise<ServerBucketsView | undefined> {
  const listings = await Promise.allSettled(
    SERVER_BUCKETS.map((index) => listBucket(bus, streamOf(index), prefixOf(index), timeoutMs)),
  );
  const answering = listings.filter(({ status }) => status === "fulfilled").length;
  if (answering === 0) return undefined;
  const newest = new Map<string, LeaseEntry>();
  for (const listing of listings) {
    if (listing.status === "rejected") continue;
    for (const { name, entry } of livingIn(listing.value))
      if (entry.n > (newest.get(name)?.n ?? 0)) newest.set(name, entry);
  }
  const schedulers = new Map(
    [...newest].flatMap(([name, { holds }]) => (holds === null ? [] : [[name, holds] as const])),
  );
  return { schedulers, answering };
}

function livingIn(listed: readonly ListedMessage[]): { name: string; entry: LeaseEntry }[] {
  const lastMs = Math.max(...listed.map(({ writtenMs }) => writtenMs));
  return listed
    .map(({ name, text, writtenMs }) => ({ name, entry: entryOf(text), writtenMs }))
    .filter(({ entry, writtenMs }) => writtenMs + entry.ttlMs > lastMs);
}

function entryOf(text: string): LeaseEntry {
  return JSON.parse(text) as LeaseEntry;
}
