import type { Store } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";

const INTERVAL_MS = 10 * 60_000;

/** How long the record keeps what it need not keep. */
export interface HousekeepingSettings {
  readonly historyDays: number;
  readonly objectGraceMs: number;
}

/** Keeps the record small: day partitions ahead, expired days and keys gone. Harmless when several schedulers do it. */
export class Housekeeper {
  private readonly store: Store;
  private readonly log: Logger;
  private readonly settings: HousekeepingSettings;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(store: Store, log: Logger, settings: HousekeepingSettings) {
    this.store = store;
    this.log = log;
    this.settings = settings;
  }

  start(): void {
    const round = () => {
      this.running = this.round();
    };
    round();
    this.timer = setInterval(round, INTERVAL_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  private async round(): Promise<void> {
    const { housekeeping } = this.store;
    const { historyDays, objectGraceMs } = this.settings;
    await this.attempt("days", () => housekeeping.ensureHistoryPartitions());
    const dropped = (await this.attempt("history", () => housekeeping.dropExpired(historyDays))) ?? [];
    const keys = (await this.attempt("keys", () => housekeeping.pruneKeys())) ?? 0;
    await this.attempt("committers", () => housekeeping.pruneCommitters());
    const objects = (await this.attempt("objects", () => housekeeping.collectObjects(historyDays, objectGraceMs))) ?? 0;
    const records = (await this.attempt("data stores", () => housekeeping.collectDataStores())) ?? 0;
    const removed = { dropped, keys, objects, records };
    if (dropped.length + keys + objects + records > 0) this.log.info("housekeeping.done", removed);
  }

  /** A task that fails, for want of a lock or of time, keeps no other from being done. */
  private async attempt<T>(task: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (thrown) {
      this.log.warn("housekeeping.failed", { task, error: thrown });
      return undefined;
    }
  }
}
