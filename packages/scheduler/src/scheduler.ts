import { randomBytes } from "node:crypto";
import { type Bus, connectBus, openChannels, openLeases, openLogStream, type Replicas } from "@millrace/bus";
import { processName, type SchedulerSettings } from "@millrace/config";
import { PlatformError, TIMING_DEFAULT, validateTiming, type Timing } from "@millrace/core";
import { openCommitter, openStore, sessionName, type Store } from "@millrace/store";
import {
  createMetrics,
  createTracer,
  startHealthServer,
  type HealthServer,
  type Logger,
  type RunningProcess,
} from "@millrace/telemetry";
import { archiveLogs } from "./log-archive.ts";
import { Housekeeper } from "./housekeeper.ts";
import { OwnerWiring } from "./owner-wiring.ts";

/** Connects a scheduler to NATS and Postgres and starts it; the one place that opens connections. */
export async function startScheduler(settings: SchedulerSettings, log: Logger): Promise<RunningProcess> {
  // New with each start: a former life's lease must not count as ours, and commit numbers begin at 1.
  const name = `${processName("scheduler", settings.name)}-${Date.now().toString(36)}${randomBytes(3).toString("hex")}`;
  const timing = timingOf(settings);
  const { natsUrl, natsUser, natsPassword, natsCredentialsFile } = settings;
  const auth = { user: natsUser, password: natsPassword, credentialsFile: natsCredentialsFile };
  const tracer = await createTracer({ endpoint: settings.otlpEndpoint, role: "scheduler", name, log });
  const parts: Parts = {};
  const health = await serveHealth(name, settings, parts);
  log.info("health.listening", { port: health.port });

  const bus = await connectBus({ url: natsUrl, ...auth, name, log });
  parts.bus = bus;
  const store = await openStore({
    url: settings.databaseUrl,
    applicationName: sessionName("scheduler", name),
    connectionsMax: settings.databasePoolSize,
    statementTimeoutMs: settings.databaseTimeoutMs,
  });
  await warnOfUnsafeDatabase(store, log);
  await store.partitions.registerCommitter(name);
  const committer = openCommitter({
    url: store.primary,
    applicationName: sessionName("commit", name),
    statementTimeoutMs: settings.databaseTimeoutMs,
  });
  const replicas = replicasOf(settings);
  const logStream = openLogStream(bus, {
    streamBytesMax: settings.logStreamBytesMax,
    ageMaxMs: settings.logStreamAgeMs,
    replicas,
  });
  await logStream.ensure();
  const housekeeper = new Housekeeper(store, log, settings);
  housekeeper.start();
  const archive = archiveLogs(logStream, store.logs);
  const owner = new OwnerWiring(
    {
      scheduler: name,
      partitionCount: await store.partitions.count(),
      timing,
      commitChangesMax: settings.commitChangesMax,
      commitQueueMax: settings.commitWaitingMax,
    },
    {
      ...{ bus, committer, store, tracer, log },
      channels: openChannels(bus),
      leases: openLeases(bus, { scheduler: name, ttlMs: timing.leaseMs, replicas }),
      tokenKey: Buffer.from(settings.tokenKey, "hex"),
      onFatal: (error) => {
        log.error("process.failed", { error });
        process.exit(1);
      },
    },
  );
  parts.owner = owner;

  return {
    drain: async () => {
      health.drain();
      await owner.drain(settings.drainTimeoutMs / 2);
      archive.close();
      await housekeeper.stop();
      await Promise.all([committer.close(), store.close(), tracer.shutdown(), bus.drain()]);
      await health.close();
    },
  };
}

/** What health asks about; a probe may come before all of it is there. */
interface Parts {
  bus?: Bus;
  owner?: OwnerWiring;
}

function serveHealth(name: string, settings: SchedulerSettings, parts: Parts): Promise<HealthServer> {
  const metrics = createMetrics();
  const partitions = (): number => parts.owner?.brain.partitions().size ?? 0;
  metrics.observe("millrace_scheduler_runs", "Unfinished runs in memory.", () => parts.owner?.brain.counts().runs ?? 0);
  metrics.observe(
    "millrace_scheduler_commit_queue",
    "Changes waiting for a commit.",
    () => parts.owner?.brain.counts().commitQueue ?? 0,
  );
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
