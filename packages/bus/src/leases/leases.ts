import type { Bus, BusSubscription } from "../bus.ts";
import { translateNatsError } from "../bus-errors.ts";
import { isApiError, streamsOf, type Replicas } from "../streams.ts";
import { subjects } from "../subjects.ts";
import { LeaseRegister, leasesRefusedError, type LeaseView } from "./lease-register.ts";
import { makeServerBuckets, readServerBuckets, SERVER_BUCKETS, ServerBucket } from "./server-bucket.ts";
import { readSingleBucket, SINGLE_STREAM, SingleBucket } from "./single-bucket.ts";

export type { LeaseView } from "./lease-register.ts";

export interface LeaseOptions {
  /** Name of this scheduler. */
  scheduler: string;
  /** How long a lease lives. Default 2,000. */
  ttlMs?: number;
  /** For each of the exchanges with NATS. Default 1,000. */
  timeoutMs?: number;
  /** `auto` and 3: a bucket on each of three servers, where they have tags for it. Else copies of one bucket. */
  replicas?: Replicas;
}

/** This scheduler's lease, and its view of the others'. */
export interface Leases {
  readonly ttlMs: number;
  /** Renews the lease with the partitions held or claimed. Throws when it was not renewed; the old one then still counts. */
  put(holds: readonly number[]): Promise<LeaseView>;
  /**
   * The same for a scheduler that has taken all that it claims: while it was alone when it last looked, it looks for others every
   * 2 s only, or when one says that it is there. Without a look, nothing is said of the others.
   */
  keep(holds: readonly number[]): Promise<LeaseView | KeptLease>;
  /** Gives the lease back at once: a clean stop. */
  remove(): Promise<void>;
  /** Told when another scheduler's lease names other partitions than before, or is gone: a look is worth its while. */
  onChange(listener: () => void): BusSubscription;
}

/** A lease that was renewed, without a look at the others. */
export interface KeptLease {
  readonly sentAtMs: number;
  readonly living?: undefined;
}

/** Where leases are: in one bucket, or in one on each of several servers, of which a majority counts. */
type Keeper = Pick<SingleBucket, "put" | "leave"> | LeaseRegister;

const STREAM_NOT_FOUND = 10059;
const NO_SUITABLE_SERVERS = 10005;
/** While leases are in one bucket, whether servers have got tags is looked at again after this. */
const LOOK_AGAIN_MS = 30_000;
/** While no majority answers, it is seen to the buckets this often. */
const REMAKE_AFTER_MS = 3_000;

/** Opens the leases. */
export function openLeases(bus: Bus, options: LeaseOptions): Leases {
  return new HouseLeases(bus, options);
}

/**
 * The living schedulers with their partitions, for people to look at: it may be behind by a moment, so nobody decides over a
 * takeover by it. Empty while no scheduler has ever been there.
 */
export async function readLeases(bus: Bus, timeoutMs = 1_000): Promise<Map<string, readonly number[]>> {
  return (await findLeases(bus, timeoutMs)).schedulers;
}

/** Where leases are, and whose. */
export interface LeasePlaces {
  /** `bucket`: one, although there is a cluster; its leader's death stops the house until another is elected. */
  readonly place: "server" | "bucket" | "majority";
  /** How many of the places have answered. */
  readonly answering: number;
  /** Partitions by scheduler. */
  readonly schedulers: Map<string, readonly number[]>;
}

/** Looks where leases are, for people: see `readLeases`. */
export async function findLeases(bus: Bus, timeoutMs = 1_000): Promise<LeasePlaces> {
  const { clustered } = await streamsOf(bus, "reading the leases", timeoutMs);
  const spread = clustered ? await readServerBuckets(bus, timeoutMs) : undefined;
  if (spread !== undefined) return { place: "majority", ...spread };
  const schedulers = await readSingleBucket(bus, timeoutMs);
  return { place: clustered ? "bucket" : "server", answering: 1, schedulers };
}

/**
 * Finds out where leases are kept. Once they are spread over servers they stay so: the one bucket is sealed then, which nobody
 * can undo, so that a scheduler that knows of nothing else holds no lease at all, instead of one that the others do not see.
 */
class HouseLeases implements Leases {
  readonly ttlMs: number;
  #bus: Bus;
  #options: Required<LeaseOptions>;
  #single: SingleBucket;
  #register: LeaseRegister | undefined;
  /** Until when leases are taken to be in the one bucket. */
  #singleUntilMs = -Infinity;
  #nextRemakeMs = -Infinity;
  /** That leases stay in one bucket is said once. */
  #warned = false;
  /** What the others were last told to look at. */
  #shown: string | undefined;
  #listeners = new Set<() => void>();
  #lapseTimer: NodeJS.Timeout | undefined;

  constructor(bus: Bus, { scheduler, ttlMs = 2_000, timeoutMs = 1_000, replicas = "auto" }: LeaseOptions) {
    this.#bus = bus;
    this.ttlMs = ttlMs;
    this.#options = { scheduler, ttlMs, timeoutMs, replicas };
    this.#single = new SingleBucket(bus, this.#options);
    bus.onStatus(({ connected }) => {
      if (!connected) this.#singleUntilMs = -Infinity;
      else this.#tell();
    });
  }

  async put(holds: readonly number[]): Promise<LeaseView> {
    const view = await this.#renew(holds);
    const shown = JSON.stringify(holds);
    if (shown !== this.#shown) this.#nudge();
    this.#shown = shown;
    this.#lookAtNextLapse();
    return view;
  }

  async keep(holds: readonly number[]): Promise<LeaseView | KeptLease> {
    if (this.#register === undefined && this.#single.isAlone(holds))
      return { sentAtMs: await this.#single.keep(holds) };
    return this.put(holds);
  }

  async remove(): Promise<void> {
    clearTimeout(this.#lapseTimer);
    const keeper: Keeper = this.#register ?? this.#single;
    await keeper.leave();
    this.#nudge();
  }

  onChange(listener: () => void): BusSubscription {
    this.#listeners.add(listener);
    const nudges = this.#bus.subscribe(subjects.leaseChanged(), (data) => {
      if (Buffer.from(data).toString() === this.#options.scheduler) return;
      this.#single.expectOthers();
      listener();
    });
    return {
      unsubscribe: () => {
        this.#listeners.delete(listener);
        clearTimeout(this.#lapseTimer);
        nudges.unsubscribe();
      },
    };
  }

  async #renew(holds: readonly number[]): Promise<LeaseView> {
    try {
      return await (await this.#keeper()).put(holds);
    } catch (thrown) {
      // The next try finds out where leases are by now.
      this.#singleUntilMs = -Infinity;
      if (this.#register !== undefined) this.#remakeSoon();
      throw thrown;
    }
  }

  async #keeper(): Promise<Keeper> {
    if (this.#register !== undefined) return this.#register;
    if (performance.now() < this.#singleUntilMs) return this.#single;
    if (await this.#isSpread()) {
      this.#register = this.#openRegister();
      return this.#register;
    }
    this.#singleUntilMs = performance.now() + LOOK_AGAIN_MS;
    return this.#single;
  }

  #openRegister(): LeaseRegister {
    const { scheduler, ttlMs } = this.#options;
    return new LeaseRegister({
      ...{
        scheduler,
        ttlMs,
        buckets: SERVER_BUCKETS.map((index) => new ServerBucket(this.#bus, index, this.#options)),
      },
      nowMs: () => performance.now(),
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    });
  }

  /** Whether leases are on several servers; spreads them where that can be done and is wanted. */
  async #isSpread(): Promise<boolean> {
    const { timeoutMs, replicas } = this.#options;
    try {
      const { clustered } = await streamsOf(this.#bus, "opening the leases", timeoutMs);
      if (!clustered || (replicas !== "auto" && replicas !== 3)) return false;
      if (await isSealed(this.#bus, timeoutMs)) return true;
      await this.#spread();
      this.#bus.log.info("lease.spread", { buckets: SERVER_BUCKETS.length });
      return true;
    } catch (thrown) {
      const error = translateNatsError(thrown, "opening the leases");
      if (!isApiError(error.cause, NO_SUITABLE_SERVERS) && error.reason !== "BUS_REFUSED") throw error;
      const said = error.reason === "BUS_REFUSED" ? leasesRefusedError(error) : error;
      if (!this.#warned) this.#bus.log.warn("lease.not_spread", { error: said });
      this.#warned = true;
      return false;
    }
  }

  async #spread(): Promise<void> {
    const { ttlMs, timeoutMs } = this.#options;
    await makeServerBuckets(this.#bus, ttlMs, timeoutMs);
    if (!(await isSealed(this.#bus, timeoutMs))) await this.#single.seal();
  }

  /** Servers that have all lost their disks know nothing of buckets any more. What they gave is watched for before it counts. */
  #remakeSoon(): void {
    if (performance.now() < this.#nextRemakeMs) return;
    this.#nextRemakeMs = performance.now() + REMAKE_AFTER_MS;
    this.#spread().catch((thrown: unknown) => {
      this.#bus.log.warn("lease.not_spread", { error: translateNatsError(thrown, "making the leases' buckets") });
    });
  }

  #nudge(): void {
    this.#bus.publish(subjects.leaseChanged(), Buffer.from(this.#options.scheduler));
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  /** A lease that ends without a word is worth a look at once. */
  #lookAtNextLapse(): void {
    clearTimeout(this.#lapseTimer);
    const lapseMs = this.#register?.nextLapseMs() ?? Infinity;
    if (lapseMs === Infinity) return;
    this.#lapseTimer = setTimeout(() => this.#tell(), Math.max(1, lapseMs - performance.now()));
    this.#lapseTimer.unref();
  }
}

/** Whether leases have left the one bucket for good. */
async function isSealed(bus: Bus, timeoutMs: number): Promise<boolean> {
  const { manager } = await streamsOf(bus, "looking where leases are", timeoutMs);
  try {
    return (await manager.streams.info(SINGLE_STREAM)).config.sealed;
  } catch (thrown) {
    if (isApiError(thrown, STREAM_NOT_FOUND)) return false;
    throw translateNatsError(thrown, "looking where leases are");
  }
}
