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
      this.running = this.round().catch((thrown: unknown) => this.log.warn("housekeeping.failed", { error: thrown }));
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
    await housekeeping.ensureHistoryPartitions();
    const dropped = await housekeeping.dropExpired(historyDays);
    const keys = await housekeeping.pruneKeys();
    await housekeeping.pruneCommitters();
    const objects = await housekeeping.collectObjects(historyDays, objectGraceMs);
    const records = await housekeeping.collectDataStores();
    const removed = { dropped, keys, objects, records };
    if (dropped.length + keys + objects + records > 0) this.log.info("housekeeping.done", removed);
  }
}
