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
  createTracer,
  startHealthServer,
  type HealthServer,
  type Logger,
  type Metrics,
  type RunningProcess,
} from "@millrace/telemetry";
import { archiveLogs } from "./log-archive.ts";
import { Housekeeper } from "./housekeeper.ts";
import { OwnerWiring } from "./owner-wiring.ts";
import { ChangeFeed } from "./change-feed.ts";
import { SeriesKeeper } from "./series-keeper.ts";
import { schedulerMetrics, type SchedulerMetrics, type SchedulerParts } from "./scheduler-metrics.ts";

/** Connects a scheduler to NATS and Postgres and starts it; the one place that opens connections. */
export async function startScheduler(settings: SchedulerSettings, log: Logger): Promise<RunningProcess> {
  // New with each start: a former life's lease must not count as ours, and commit numbers begin at 1.
  const name = `${processName("scheduler", settings.name)}-${Date.now().toString(36)}${randomBytes(3).toString("hex")}`;
  const timing = timingOf(settings);
  const tracer = await createTracer({ endpoint: settings.otlpEndpoint, role: "scheduler", name, log });
  const parts: SchedulerParts = {};
  const metrics = schedulerMetrics(parts);
  const health = await serveHealth(name, settings, parts, metrics.all);
  log.info("health.listening", { port: health.port });

  const bus = await connectBus({ ...natsOptions(settings), inboxPrefix: inboxes.scheduler, name, log });
  parts.bus = bus;
  const store = await openStore({
    url: settings.databaseUrl,
    applicationName: sessionName("scheduler", name),
    connectionsMax: settings.databasePoolSize,
    statementTimeoutMs: settings.databaseTimeoutMs,
  });
  parts.store = store;
  const channels = openChannels(bus);
  const primaryShare = sharePrimary(channels, store.primary);
  await warnOfUnsafeDatabase(store, log);
  await store.partitions.registerCommitter(name);
  const feed = new ChangeFeed(channels);
  const committer = openCommits(name, settings, { store, metrics, feed });
  const key = Buffer.from(settings.tokenKey, "hex");
  const mac = (data: Uint8Array) => createHmac("sha256", key).update(data).digest();
  const housekeeper = new Housekeeper(store, log, settings);
  housekeeper.start();
  // The stream itself is made by whoever consumes it, again and again while JetStream elects a leader, say: runs do not wait for it.
  const archive = archiveLogs(openLogs(bus, mac, settings), store.logs, (lines) => metrics.refused(lines));
  const owner = new OwnerWiring(
    {
      scheduler: name,
      partitionCount: await store.partitions.count(),
      timing,
      commitChangesMax: settings.commitChangesMax,
      commitQueueMax: settings.commitWaitingMax,
      queueHeadRuns: settings.queueHeadRuns,
      queueHeadBytes: settings.queueHeadBytes,
    },
    {
      ...{ bus, committer, store, tracer, log },
      onWatched: (gateway) => feed.watch(gateway),
      onSettled: (outcome) => metrics.settled(outcome),
      channels,
      leases: openLeases(bus, { scheduler: name, ttlMs: timing.leaseMs, replicas: replicasOf(settings) }),
      mac,
      projectQueueLimit: settings.projectQueueLimit,
      onFatal: (error) => {
        log.error("process.failed", { error });
        process.exit(1);
      },
    },
  );
  parts.owner = owner;
  const keeper = keepSeries(name, owner, { bus, store, log });

  return {
    drain: async () => {
      health.drain();
      await owner.drain(settings.drainTimeoutMs / 2);
      feed.close();
      archive.close();
      primaryShare.close();
      await keeper.stop();
      await housekeeper.stop();
      await Promise.all([committer.close(), store.close(), tracer.shutdown(), bus.drain()]);
      await health.close();
    },
  };
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

function serveHealth(
  name: string,
  settings: SchedulerSettings,
  parts: SchedulerParts,
  metrics: Metrics,
): Promise<HealthServer> {
  const partitions = (): number => parts.owner?.brain.partitions().size ?? 0;
  return startHealthServer({
    host: settings.healthHost,
    port: settings.healthPort,
    checks: {
      nats: () => (parts.bus?.connected === true ? undefined : "not connected to NATS"),
      partitions: () => (partitions() > 0 ? undefined : "owns no partition yet"),
    },
    status: () => ({ scheduler: name, partitions: partitions(), ...parts.owner?.brain.counts() }),
    metrics,
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
