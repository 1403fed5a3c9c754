import { randomBytes } from "node:crypto";
import type { BusSubscription, Channels } from "@millrace/bus";
import { coerceError } from "@millrace/core";
import type { Runs, RunSummary } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";
import { RunWatcher } from "./run-watcher.ts";

/** Schedulers are asked so often to tell what changes; they do for a few times as long. */
const ASK_MS = 2_000;
/** For all schedulers to say that they tell from now on. */
const ANSWER_MS = 500;
/** The reader goes on for so long without watchers: whoever comes back finds what was missed. */
const LINGER_MS = 30_000;
/** Changes are read together. */
const READ_PAUSE_MS = 250;
const READ_RUNS_MAX = 1_000;
/** Runs that wait to be read; beyond them watchers are told to list again. */
const PENDING_MAX = 20_000;
/** Runs that are kept for those who come back. */
const KEPT_MAX = 5_000;
const ID_BYTES = 16;

export interface RunFeedOptions {
  /** Name of this gateway. */
  readonly gateway: string;
  readonly channels: Pick<Channels, "runsChanged" | "poolLoads" | "ownersMoved">;
  readonly runs: Pick<Runs, "summarize">;
  /** The living schedulers, by name. */
  readonly readSchedulers: () => Promise<ReadonlyMap<string, unknown>>;
  readonly log: Logger;
}

interface Batch {
  readonly number: number;
  readonly runs: readonly RunSummary[];
}

/**
 * One reader of changed runs for all who watch at this gateway: schedulers tell which runs have changed, these are read from
 * the record together, and each watcher takes what it wants of them. Without watchers there is no reader, and nothing is told.
 */
export class RunFeed {
  readonly #options: RunFeedOptions;
  readonly #watchers = new Set<RunWatcher>();
  readonly #pending = new Set<string>();
  #subscriptions: BusSubscription[] = [];
  #opening: Promise<void> | undefined;
  #asking: NodeJS.Timeout | undefined;
  #reading: NodeJS.Timeout | undefined;
  #ending: NodeJS.Timeout | undefined;
  /** Of this life of the reader. */
  #epoch = "";
  #number = 0;
  #kept: Batch[] = [];
  #keptRuns = 0;

  constructor(options: RunFeedOptions) {
    this.#options = options;
  }

  /** Follows changes from now on, or behind a cursor; give the watcher back with `leave`. */
  async join(cursor: string): Promise<RunWatcher> {
    clearTimeout(this.#ending);
    const watcher = new RunWatcher();
    this.#watchers.add(watcher);
    try {
      await (this.#opening ??= this.#open());
    } catch (thrown) {
      this.#watchers.delete(watcher);
      this.close();
      throw thrown;
    }
    this.#catchUp(watcher, cursor);
    return watcher;
  }

  leave(watcher: RunWatcher): void {
    this.#watchers.delete(watcher);
    clearTimeout(this.#ending);
    if (this.#watchers.size === 0) this.#ending = setTimeout(() => this.close(), LINGER_MS).unref();
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    for (const timer of [this.#asking, this.#reading, this.#ending]) clearTimeout(timer);
    this.#subscriptions = [];
    this.#opening = this.#reading = undefined;
    this.#pending.clear();
    this.#kept = [];
    this.#keptRuns = 0;
  }

  async #open(): Promise<void> {
    const { channels, gateway } = this.#options;
    this.#epoch = randomBytes(6).toString("hex");
    this.#number = 0;
    this.#subscriptions = [
      channels.runsChanged(gateway).listen(({ runIds }) => this.#onChanged(runIds)),
      // Whoever owns partitions from now on may not have heard that somebody watches.
      channels.ownersMoved().listen(() => void this.#ask().then(() => this.#lose())),
    ];
    this.#asking = setInterval(() => void this.#ask(), ASK_MS).unref();
    await this.#ask();
  }

  /** Resolves when all living schedulers tell, or the time is over. */
  async #ask(): Promise<void> {
    const { channels, gateway, readSchedulers, log } = this.#options;
    try {
      const missing = new Set((await readSchedulers()).keys());
      await channels.poolLoads().ask(
        { watchingGateway: gateway },
        {
          timeoutMs: ANSWER_MS,
          onResponse: ({ scheduler }) => missing.delete(scheduler) && missing.size === 0,
        },
      );
    } catch (thrown) {
      log.warn("runs.not_watched", { error: coerceError(thrown) });
    }
  }

  #onChanged(runIds: Uint8Array): void {
    const ids = Buffer.from(runIds.buffer, runIds.byteOffset, runIds.byteLength);
    for (let at = 0; at + ID_BYTES <= ids.length; at += ID_BYTES) this.#pending.add(toId(ids, at));
    if (this.#pending.size > PENDING_MAX) {
      this.#pending.clear();
      this.#lose();
    }
    this.#readSoon();
  }

  #readSoon(): void {
    if (this.#pending.size > 0) this.#reading ??= setTimeout(() => void this.#read(), READ_PAUSE_MS);
  }

  /** One query for all watchers; what changes meanwhile is read by the next one. */
  async #read(): Promise<void> {
    const epoch = this.#epoch;
    const ids = [...this.#pending].slice(0, READ_RUNS_MAX);
    for (const id of ids) this.#pending.delete(id);
    try {
      const runs = await this.#options.runs.summarize(ids);
      if (epoch === this.#epoch) this.#tell(runs);
    } catch (thrown) {
      this.#options.log.warn("runs.not_watched", { error: coerceError(thrown) });
      this.#lose();
    }
    if (epoch !== this.#epoch) return;
    this.#reading = undefined;
    this.#readSoon();
  }

  #tell(runs: readonly RunSummary[]): void {
    const batch = { number: ++this.#number, runs };
    this.#kept.push(batch);
    this.#keptRuns += runs.length;
    while (this.#keptRuns > KEPT_MAX) this.#keptRuns -= this.#kept.shift()!.runs.length;
    for (const watcher of this.#watchers) watcher.push(runs, this.#cursor());
  }

  /** Changes are lost: nobody who comes back finds all. */
  #lose(): void {
    this.#number += 1;
    this.#kept = [];
    this.#keptRuns = 0;
    for (const watcher of this.#watchers) watcher.lose(this.#cursor());
  }

  #catchUp(watcher: RunWatcher, cursor: string): void {
    const [epoch, number] = cursor.split(".");
    const from = Number(number);
    const isKnown = epoch === this.#epoch && from <= this.#number && from >= this.#number - this.#kept.length;
    if (cursor !== "" && !isKnown) return watcher.lose(this.#cursor());
    const missed = cursor === "" ? [] : this.#kept.filter((batch) => batch.number > from);
    watcher.push(
      missed.flatMap(({ runs }) => runs),
      this.#cursor(),
    );
  }

  #cursor(): string {
    return `${this.#epoch}.${this.#number}`;
  }
}

function toId(bytes: Buffer, at: number): string {
  const hex = bytes.toString("hex", at, at + ID_BYTES);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
