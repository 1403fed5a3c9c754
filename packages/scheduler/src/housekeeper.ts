import type { Store } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";

const INTERVAL_MS = 10 * 60_000;

/** Keeps the record small: day partitions ahead, expired days and keys gone. Harmless when several schedulers do it. */
export class Housekeeper {
  private readonly store: Store;
  private readonly log: Logger;
  private readonly historyDays: number;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(store: Store, log: Logger, historyDays: number) {
    this.store = store;
    this.log = log;
    this.historyDays = historyDays;
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
    await housekeeping.ensureHistoryPartitions();
    const dropped = await housekeeping.dropExpired(this.historyDays);
    const keys = await housekeeping.pruneKeys();
    await housekeeping.pruneCommitters();
    if (dropped.length > 0 || keys > 0) this.log.info("housekeeping.done", { dropped, keys });
  }
}
