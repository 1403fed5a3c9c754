import { PlatformError } from "@millrace/core";

/** What a scheduler says of itself in a bucket. */
export interface LeaseEntry {
  /** Counts this scheduler's writes: of two entries the one with the higher number is the newer, wherever they are. */
  readonly n: number;
  /** How long it lives from its sending. */
  readonly ttlMs: number;
  /** Partitions held or claimed; null: no lease yet, or no more. */
  readonly holds: readonly number[] | null;
}

/** One of the places that keep leases. It may be slow, away, or come back empty; each entry is changed by its owner alone. */
export interface LeaseBucket {
  /**
   * Writes our entry if the one that it replaces has this sequence (0: there is none). Resolves to its own sequence, or to
   * undefined when another one was there. Rejects when there is no answer in time; the write may still happen then.
   */
  write(entry: LeaseEntry, expected: number): Promise<number | undefined>;
  /** All entries as of one moment after the asking. */
  list(): Promise<ReadonlyMap<string, ListedEntry>>;
}

/** An entry and its place in the bucket. */
export interface ListedEntry {
  readonly sequence: number;
  readonly entry: LeaseEntry;
}

/** What a renewal saw. */
export interface LeaseView {
  /** Monotonic time (`performance.now()`) just before the renewal was sent: the lease lives for its TTL from then on. */
  sentAtMs: number;
  /** Partitions that each living scheduler names, this one included; read after this renewal was written. */
  living: Map<string, readonly number[]>;
}

export interface LeaseRegisterOptions {
  readonly scheduler: string;
  readonly ttlMs: number;
  readonly buckets: readonly LeaseBucket[];
  /** Buckets that must answer; a majority. */
  readonly quorum?: number;
  /** How long a bucket must have been watched before its answers count: as long as a lease lives. */
  readonly seasonMs?: number;
  /** The monotonic clock, and a wait on it. */
  readonly nowMs: () => number;
  readonly pause: (ms: number) => Promise<void>;
}

interface Answer {
  readonly entries: ReadonlyMap<string, ListedEntry>;
  /** Whether the bucket has been watched for so long that it has everything that still lives. */
  readonly seasoned: boolean;
}

/** A scheduler's newest entry that was seen anywhere, and when first. */
interface Seen {
  readonly entry: LeaseEntry;
  readonly sinceMs: number;
}

/** In lives of a lease; buckets drop entries earlier. */
const FORGET_AFTER_LIVES = 60;
/** Least pause before buckets that are too new are asked again. */
const WATCH_PAUSE_MS = 20;

/**
 * Leases in several buckets that know nothing of one another. A renewal counts when a majority of them has it and has
 * listed, after it, what the others say; the newest of what they list is believed. Any two majorities share a bucket, so
 * of two schedulers that claim the same at least one sees the other.
 *
 * A bucket may have lost everything: it keeps leases in memory. Each write names the sequence of our entry that it replaces,
 * so an emptied bucket refuses it. What it lists counts only when it has been the same for as long as a lease lives: whatever it
 * has lost has ended by then. How long others' leases live is counted on our own clock from the moment at which we first see a
 * renewal, which is never before it was sent; no server's clock decides.
 */
export class LeaseRegister {
  readonly #options: LeaseRegisterOptions;
  readonly #places: readonly Place[];
  readonly #quorum: number;
  readonly #seen = new Map<string, Seen>();
  #written = 0;
  /** Whether others may count on this scheduler: not before it can take what they let go. */
  #entered = false;
  /**
   * The time at which others are looked at: when the newest renewal was sent. What it lists may be older than its arrival, and
   * lack a renewal that somebody has made since; whoever was dead before the asking would have had to make it before, too.
   */
  #asOfMs = -Infinity;

  constructor(options: LeaseRegisterOptions) {
    const { buckets, scheduler, nowMs, ttlMs, seasonMs = ttlMs } = options;
    this.#options = options;
    this.#places = buckets.map((bucket) => new Place(bucket, scheduler, seasonMs, nowMs));
    this.#quorum = options.quorum ?? Math.floor(buckets.length / 2) + 1;
  }

  /** Renews the lease. The first time it watches the buckets for the life of a lease before. */
  async put(holds: readonly number[]): Promise<LeaseView> {
    if (!this.#entered) await this.#enter();
    const sentAtMs = await this.#write(holds, ({ seasoned }) => seasoned);
    this.#asOfMs = sentAtMs;
    const living = new Map([[this.#options.scheduler, holds], ...this.#livingOthers()]);
    return { sentAtMs, living };
  }

  /** Gives the lease back: whoever reads a majority from now on sees that. */
  async leave(): Promise<void> {
    await this.#write(null, () => true);
  }

  /** When the next of the others' leases ends that lived when they were looked at, if it is not renewed. */
  nextLapseMs(): number {
    let next = Infinity;
    for (const { entry, sinceMs } of this.#seen.values()) {
      const lapseMs = sinceMs + entry.ttlMs;
      if (entry.holds !== null && lapseMs > this.#asOfMs) next = Math.min(next, lapseMs);
    }
    return next;
  }

  async #enter(): Promise<void> {
    const { nowMs, pause, ttlMs } = this.#options;
    const untilMs = nowMs() + 2 * ttlMs;
    while (!this.#entered) {
      try {
        await this.#write(null, ({ seasoned }) => seasoned);
        this.#entered = true;
      } catch (thrown) {
        if (!isStale(thrown) || nowMs() >= untilMs) throw thrown;
        await pause(Math.max(WATCH_PAUSE_MS, this.#seasonedAtMs() - nowMs()));
      }
    }
  }

  /** When a majority has been watched for long enough, as far as is known. */
  #seasonedAtMs(): number {
    const times = this.#places.map(({ seasonedAtMs }) => seasonedAtMs).sort((a, b) => a - b);
    return Math.min(times[this.#quorum - 1]!, this.#options.nowMs() + this.#options.ttlMs);
  }

  /** Resolves to the time of the sending as soon as a majority of the buckets has given an answer that counts. */
  #write(holds: readonly number[] | null, counts: (answer: Answer) => boolean): Promise<number> {
    const { ttlMs, nowMs } = this.#options;
    const entry: LeaseEntry = { n: ++this.#written, ttlMs, holds };
    const sentAtMs = nowMs();
    let counted = 0;
    let answered = 0;
    let open = this.#places.length;
    let failure: unknown;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        open--;
        if (counted >= this.#quorum) resolve(sentAtMs);
        else if (counted + open < this.#quorum) {
          const mayPass = answered + open >= this.#quorum;
          reject(mayPass ? staleError(failure) : noMajorityError(answered, this.#places.length, failure));
        }
      };
      for (const place of this.#places) {
        place.exchange(entry).then(
          (answer) => {
            this.#look(answer.entries);
            answered++;
            if (counts(answer)) counted++;
            settle();
          },
          (thrown: unknown) => {
            failure = thrown;
            settle();
          },
        );
      }
    });
  }

  #look(entries: ReadonlyMap<string, ListedEntry>): void {
    const sinceMs = this.#options.nowMs();
    for (const [name, { entry }] of entries) {
      if (name !== this.#options.scheduler && entry.n > (this.#seen.get(name)?.entry.n ?? 0))
        this.#seen.set(name, { entry, sinceMs });
    }
  }

  #livingOthers(): [string, readonly number[]][] {
    const living: [string, readonly number[]][] = [];
    for (const [name, { entry, sinceMs }] of this.#seen) {
      if (entry.holds !== null && this.#asOfMs < sinceMs + entry.ttlMs) living.push([name, entry.holds]);
      // Remembered while a bucket that comes back may still show something older of it.
      else if (this.#asOfMs >= sinceMs + FORGET_AFTER_LIVES * entry.ttlMs) this.#seen.delete(name);
    }
    return living;
  }
}

/** One bucket, as this scheduler has known it. */
class Place {
  readonly #bucket: LeaseBucket;
  readonly #scheduler: string;
  readonly #seasonMs: number;
  readonly #nowMs: () => number;
  /** Sequence of our entry as far as we know; 0 when there is none. */
  #sequence = 0;
  /** Our newest write that was acknowledged. */
  #acknowledged = 0;
  /** Since when the bucket has certainly been the same one. */
  #sinceMs: number | undefined;
  /** The exchange under way: one at a time. */
  #busy: Promise<unknown> = Promise.resolve();
  #newest = 0;

  constructor(bucket: LeaseBucket, scheduler: string, seasonMs: number, nowMs: () => number) {
    this.#bucket = bucket;
    this.#scheduler = scheduler;
    this.#seasonMs = seasonMs;
    this.#nowMs = nowMs;
  }

  get seasonedAtMs(): number {
    return this.#sinceMs === undefined ? Infinity : this.#sinceMs + this.#seasonMs;
  }

  /** Writes our entry and lists what is there after that. Of those that wait for a slow bucket only the newest is written. */
  exchange(entry: LeaseEntry): Promise<Answer> {
    this.#newest = entry.n;
    const turn = this.#busy.then(() => {
      if (entry.n === this.#newest) return this.#exchange(entry);
      throw new PlatformError("Unavailable", "LEASE_SUPERSEDED", "a later renewal has taken this one's place");
    });
    this.#busy = turn.catch(() => {});
    return turn;
  }

  async #exchange(entry: LeaseEntry): Promise<Answer> {
    // Asked in one go; a listing that overtook the write lacks it, and is asked for again.
    const early = this.#bucket.list();
    early.catch(() => {});
    await this.#writeOurs(entry);
    let entries = await early;
    if (!this.#hasOurs(entries, entry)) entries = await this.#bucket.list();
    if (!this.#hasOurs(entries, entry)) throw staleError();
    return { entries, seasoned: this.#nowMs() >= this.seasonedAtMs };
  }

  #hasOurs(entries: ReadonlyMap<string, ListedEntry>, { n }: LeaseEntry): boolean {
    return (entries.get(this.#scheduler)?.entry.n ?? 0) >= n;
  }

  async #writeOurs(entry: LeaseEntry): Promise<void> {
    let sequence = await this.#bucket.write(entry, this.#sequence);
    if (sequence === undefined) {
      this.#adopt((await this.#bucket.list()).get(this.#scheduler));
      sequence = await this.#bucket.write(entry, this.#sequence);
    }
    if (sequence === undefined) throw staleError();
    this.#sequence = sequence;
    this.#acknowledged = entry.n;
    this.#sinceMs ??= this.#nowMs();
  }

  /**
   * Our entry is not the one that we know. When it is a later one, a write whose answer was lost has replaced the one that we
   * know, which only the same bucket had. Else the bucket is a new one, and is watched anew.
   */
  #adopt(ours: ListedEntry | undefined): void {
    if (ours === undefined || ours.entry.n <= this.#acknowledged) this.#sinceMs = undefined;
    this.#sequence = ours?.sequence ?? 0;
  }
}

/** Said of a scheduler whose credential is of a time before leases were held by several servers. */
export function leasesRefusedError(cause: unknown): PlatformError {
  return new PlatformError(
    "PermissionDenied",
    "LEASES_REFUSED",
    "NATS refuses this scheduler the leases' buckets of single servers: its credential is of a release before; give it a new one (docs/operating/upgrades.md)",
    { cause },
  );
}

function isStale(thrown: unknown): boolean {
  return thrown instanceof PlatformError && thrown.reason === "LEASES_STALE";
}

function staleError(cause?: unknown): PlatformError {
  return new PlatformError(
    "Unavailable",
    "LEASES_STALE",
    "the leases were read where some that still live may be missing; that passes within the life of a lease",
    { cause },
  );
}

function noMajorityError(answered: number, all: number, cause: unknown): PlatformError {
  if (cause instanceof PlatformError && cause.reason === "BUS_REFUSED") return leasesRefusedError(cause);
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new PlatformError("Unavailable", "LEASE_NO_MAJORITY", `${answered} of ${all} lease buckets answered${why}`, {
    cause,
  });
}
