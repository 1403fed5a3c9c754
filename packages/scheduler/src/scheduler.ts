import { createHmac, randomBytes } from "node:crypto";
import {
  connectBus,
  inboxes,
  openChannels,
  openLeases,
  openLogStream,
  readLeases,
  type Bus,
  type LogStream,
  type Replicas,
  sharePrimary,
} from "@millrace/bus";
import { natsOptions, processName, type SchedulerSettings } from "@millrace/config";
import { PlatformError, TIMING_DEFAULT, validateTiming, type RunTokenMac, type Timing } from "@millrace/core";
import { openCommitter, openStore, sessionName, type Committer, type Store } from "@millrace/store";
import {
  addProcessMetrics,
  createMetrics,
  createTracer,
  startParts,
  type Logger,
  type Metrics,
  type ProcessPart,
  type RunningProcess,
} from "@millrace/telemetry";
import { archiveLogs } from "./log-archive.ts";
import { Housekeeper } from "./housekeeper.ts";
import { OwnerWiring, type OwnerDeps } from "./owner-wiring.ts";
import { ChangeFeed } from "./change-feed.ts";
import { SeriesKeeper } from "./series-keeper.ts";
import { schedulerMetrics, type SchedulerMetrics } from "./scheduler-metrics.ts";

/** Starts a process that is a scheduler: connects it to NATS and Postgres. */
export async function startScheduler(settings: SchedulerSettings, log: Logger): Promise<RunningProcess> {
  const name = schedulerName(settings);
  const metrics = createMetrics();
  addProcessMetrics(metrics, "scheduler");
  const part = new SchedulerPart({ name, settings, log, metrics });
  const connect = () => connectBus({ ...natsOptions(settings), inboxPrefix: inboxes.scheduler, name, log });
  return startParts({ ...settings, log, metrics, connect, parts: [part] });
}

/** New with each start: a former life's lease must not count as ours, and commit numbers begin at 1. */
export function schedulerName({ name }: Pick<SchedulerSettings, "name">): string {
  return `${processName("scheduler", name)}-${Date.now().toString(36)}${randomBytes(3).toString("hex")}`;
}

/** What a scheduler is made from. */
export interface SchedulerPartOptions {
  readonly name: string;
  readonly settings: SchedulerSettings;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** A scheduler as a part of a process. */
export class SchedulerPart implements ProcessPart<Bus> {
  readonly drainShare = 0.5;
  readonly checks = { partitions: () => (this.#partitions() > 0 ? undefined : "owns no partition yet") };
  readonly #options: SchedulerPartOptions;
  readonly #timing: Timing;
  readonly #metrics: SchedulerMetrics;
  #store: Store | undefined;
  #owner: OwnerWiring | undefined;
  #end: () => Promise<void> = () => Promise.resolve();

  constructor(options: SchedulerPartOptions) {
    this.#options = options;
    this.#timing = timingOf(options.settings);
    this.#metrics = schedulerMetrics(options.metrics, () => this.#owner?.brain);
  }

  status(): Readonly<Record<string, unknown>> {
    return { scheduler: this.#options.name, partitions: this.#partitions(), ...this.#owner?.brain.counts() };
  }

  databaseConnections(): number {
    return this.#store?.primary.connectionCount ?? 0;
  }

  async open(bus: Bus): Promise<void> {
    const { name, settings, log } = this.#options;
    const tracer = await createTracer({ endpoint: settings.otlpEndpoint, role: "scheduler", name, log });
    const store = await openStore({
      url: settings.databaseUrl,
      applicationName: sessionName("scheduler", name),
      connectionsMax: settings.databasePoolSize,
      statementTimeoutMs: settings.databaseTimeoutMs,
    });
    this.#store = store;
    const channels = openChannels(bus);
    const primaryShare = sharePrimary(channels, store.primary);
    await warnOfUnsafeDatabase(store, log);
    await store.partitions.registerCommitter(name);
    const feed = new ChangeFeed(channels);
    const committer = openCommits(name, settings, { store, metrics: this.#metrics, feed });
    const housekeeper = new Housekeeper(store, log, settings);
    housekeeper.start();
    const mac = macOf(settings);
    // The stream itself is made by whoever consumes it, again and again while JetStream elects a leader, say: runs do not wait for it.
    const archive = archiveLogs(openLogs(bus, mac, settings), store.logs, (lines) => this.#metrics.refused(lines));
    const owner = await this.#openOwner(mac, { bus, channels, store, tracer, committer, feed });
    this.#owner = owner;
    const keeper = keepSeries(name, owner, { bus, store, log });
    this.#end = async () => {
      feed.close();
      archive.close();
      primaryShare.close();
      await keeper.stop();
      await housekeeper.stop();
      await Promise.all([committer.close(), store.close(), tracer.shutdown()]);
    };
  }

  async drain(timeoutMs: number): Promise<void> {
    await this.#owner?.drain(timeoutMs);
    await this.#end();
  }

  async #openOwner(
    mac: RunTokenMac,
    {
      feed,
      ...parts
    }: Pick<OwnerDeps, "bus" | "channels" | "tracer" | "committer"> & { store: Store; feed: ChangeFeed },
  ): Promise<OwnerWiring> {
    const { name, settings, log } = this.#options;
    const timing = this.#timing;
    const { commitChangesMax, commitWaitingMax: commitQueueMax, submitGivenUpMs: givenUpMs } = settings;
    const { queueHeadRuns, queueHeadBytes, sharedHeadRuns, sharedHeadBytes } = settings;
    return new OwnerWiring(
      {
        ...{ scheduler: name, timing, partitionCount: await parts.store.partitions.count() },
        ...{ commitChangesMax, commitQueueMax, givenUpMs },
        ...{ queueHeadRuns, queueHeadBytes, sharedHeadRuns, sharedHeadBytes },
      },
      {
        ...parts,
        ...{ log, mac, projectQueueLimit: settings.projectQueueLimit },
        onWatched: (gateway) => feed.watch(gateway),
        onSettled: (outcome) => this.#metrics.settled(outcome),
        leases: openLeases(parts.bus, { scheduler: name, ttlMs: timing.leaseMs, replicas: replicasOf(settings) }),
        onFatal: (error) => {
          log.error("process.failed", { error });
          process.exit(1);
        },
      },
    );
  }

  #partitions(): number {
    return this.#owner?.brain.partitions().size ?? 0;
  }
}

function macOf(settings: SchedulerSettings): RunTokenMac {
  const key = Buffer.from(settings.tokenKey, "hex");
  return (data) => createHmac("sha256", key).update(data).digest();
}

function openCommits(
  name: string,
  { databaseTimeoutMs: statementTimeoutMs }: SchedulerSettings,
  { store, metrics, feed }: { store: Store; metrics: SchedulerMetrics; feed: ChangeFeed },
): Committer {
  const applicationName = sessionName("commit", name);
  const committer = metrics.measured(openCommitter({ url: store.primary, applicationName, statementTimeoutMs }));
  return {
    commit: async (batch) => {
      const outcome = await committer.commit(batch);
      feed.committed(batch, outcome);
      return outcome;
    },
    close: () => committer.close(),
  };
}

function keepSeries(
  scheduler: string,
  owner: OwnerWiring,
  { bus, store, log }: { bus: Bus; store: Store; log: Logger },
): SeriesKeeper {
  const keeper = new SeriesKeeper({
    ...{ scheduler, series: store.series, log },
    runners: () => owner.brain.runners(),
    loads: () => owner.brain.pools(),
    readSchedulers: () => readLeases(bus),
  });
  keeper.start();
  return keeper;
}

function openLogs(bus: Bus, mac: RunTokenMac, settings: SchedulerSettings): LogStream {
  return openLogStream(bus, mac, {
    streamBytesMax: settings.logStreamBytesMax,
    ageMaxMs: settings.logStreamAgeMs,
    replicas: replicasOf(settings),
  });
}

function replicasOf({ natsReplicas }: SchedulerSettings): Replicas {
  return natsReplicas === "auto" ? "auto" : (Number(natsReplicas) as Replicas);
}

function timingOf(settings: SchedulerSettings): Timing {
  const timing = { ...TIMING_DEFAULT, leaseMs: settings.leaseTtlMs, tickMs: settings.leaseRenewMs };
  const findings = validateTiming(timing);
  if (findings.length === 0) return timing;
  throw new PlatformError(
    "InvalidArgument",
    "INVALID_SETTINGS",
    `the clocks do not fit together: ${findings.join("; ")}`,
  );
}

async function warnOfUnsafeDatabase(store: Store, log: Logger): Promise<void> {
  for (const finding of await store.housekeeping.checkDurability()) {
    log[finding.fatal ? "error" : "warn"]("database.unsafe", { reason: finding.reason, message: finding.message });
  }
}
