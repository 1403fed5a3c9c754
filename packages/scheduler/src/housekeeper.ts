import type { Store } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";

const DAY_MS = 86_400_000;
const INTERVAL_MS = 10 * 60_000;
/** Between two batches of runs that are removed. */
const PAUSE_MS = 50;

/** How long the record keeps what it need not keep. */
export interface HousekeepingSettings {
  /** Of projects and workflows that say nothing else. */
  readonly historyDays: number;
  readonly historyRuns: number;
  /** Whatever they say. */
  readonly historyDaysMax: number;
  readonly objectGraceMs: number;
}

/** Keeps the record small: day partitions ahead, expired runs and keys gone. Of several schedulers one does it at a time. */
export class Housekeeper {
  private readonly store: Store;
  private readonly log: Logger;
  private readonly settings: HousekeepingSettings;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopping = false;

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
    this.stopping = true;
    clearInterval(this.timer);
    await this.running;
  }

  private async round(): Promise<void> {
    const { housekeeping } = this.store;
    await this.attempt("round", () => housekeeping.alone(() => this.work()));
  }

  private async work(): Promise<void> {
    const { housekeeping } = this.store;
    const { historyDays: days, historyRuns: runs, historyDaysMax: daysMax, objectGraceMs } = this.settings;
    const pace = { pauseMs: PAUSE_MS, isOver: () => this.stopping };
    await this.attempt("days", () => housekeeping.ensureHistoryPartitions());
    const history = await this.attempt("history", () =>
      housekeeping.keepHistory({ house: { days, runs }, daysMax, pace }),
    );
    const keys = (await this.attempt("keys", () => housekeeping.pruneKeys())) ?? 0;
    await this.attempt("sessions", () => housekeeping.pruneSessions());
    await this.attempt("tests", () => housekeeping.pruneTests(Date.now() - daysMax * DAY_MS));
    await this.attempt("committers", () => housekeeping.pruneCommitters());
    const objects = (await this.attempt("objects", () => housekeeping.collectObjects(objectGraceMs))) ?? 0;
    const records = (await this.attempt("data stores", () => housekeeping.collectDataStores())) ?? 0;
    await this.attempt("indexes", () => housekeeping.buildIndexes(pace.isOver));
    await this.attempt("storage", () => housekeeping.recountStorage());
    const removed = { dropped: history?.dropped ?? [], runs: history?.runs ?? 0, keys, objects, records };
    if (removed.dropped.length + removed.runs + keys + objects + records > 0) {
      this.log.info("housekeeping.done", removed);
    }
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
