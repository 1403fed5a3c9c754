import { connectBus, inboxes, openChannels, openLogSink, subjects, type Bus, type Channels } from "@millrace/bus";
import { natsOptions, processName, type RunnerSettings } from "@millrace/config";
import { TIMING_DEFAULT } from "@millrace/core";
import { startHealthServer, type Logger, type RunningProcess } from "@millrace/telemetry";

import { assertSandbox } from "./assert-sandbox.ts";
import { CallRelay } from "./calls/call-relay.ts";
import { DefinitionSource } from "./definitions/definition-source.ts";
import { EnvironmentCache } from "./definitions/environment-cache.ts";
import { VersionCache } from "./definitions/version-cache.ts";
import { LogShipper } from "./logs/log-shipper.ts";
import { ObjectClient } from "./payloads/object-client.ts";
import { RunPayloads } from "./payloads/run-payloads.ts";
import { openPackages } from "./packages/open-packages.ts";
import type { PackageSets } from "./packages/package-sets.ts";
import { RunPackages } from "./packages/run-packages.ts";
import { runnerMetrics } from "./runner-metrics.ts";
import { RunnerIdentity } from "./runner-identity.ts";
import { Runner } from "./runner.ts";
import { WorkerHost } from "./worker-host/worker-host.ts";
import { configureFrame, shortRunsMax, workerCommand } from "./worker-settings.ts";

/** Parts of the drain time that are kept for ending the workers and for the last messages. */
const WORKER_GRACE_MS = 2000;
const LAST_MESSAGES_MS = 1500;
/** A worker that does not answer a ping for so long is taken for dead. */
const KEEPALIVE_MS = 10_000;
const CHECK_TIMEOUT_MS = 20_000;
/** A piece of an object is written durably before it is acknowledged. */
const OBJECT_REQUEST_TIMEOUT_MS = 3000;
const LOG_BATCH_BYTES_MAX = 64 * 1024;
const VERSION_BYTES_MAX = 256 * 1024 * 1024;
const PROJECTS_MAX = 10_000;
const OUTGOING_FRAMES_MAX = 100_000;
/** Beside large payloads, which have a bound of their own. */
const OUTGOING_BYTES_MAX = 256 * 1024 * 1024;
const RESTART = { firstMs: 100, maxMs: 5000, stableAfterMs: 10_000 };

function createPayloads(
  { payloadBytesMax: bytesMax }: RunnerSettings,
  bus: Bus,
  channels: Channels,
  log: Logger,
): RunPayloads {
  const objects = new ObjectClient({
    read: channels.readObject(),
    write: channels.writeObject(),
    messageBytesMax: () => bus.messageBytesMax,
    requestTimeoutMs: OBJECT_REQUEST_TIMEOUT_MS,
  });
  return new RunPayloads({ objects, bytesMax, log });
}

function createLogShipper({ logFlushMs: flushAfterMs }: RunnerSettings, bus: Bus, name: string): LogShipper {
  return new LogShipper(openLogSink(bus, name), { flushAfterMs, batchBytesMax: LOG_BATCH_BYTES_MAX });
}

/** Wires a runner's parts. */
function createRunner(settings: RunnerSettings, name: string, bus: Bus, packageSets: PackageSets, log: Logger): Runner {
  const channels = openChannels(bus, { runner: name, pool: settings.pool });
  const source = new DefinitionSource({
    version: channels.version(),
    environment: channels.environment(),
    timeoutMs: settings.definitionTimeoutMs,
  });
  const environments = new EnvironmentCache((token, known) => source.fetchEnvironment(token, known), {
    revalidateAfterMs: settings.variablesFreshMs,
    staleAfterMs: settings.variablesStaleMs,
    projectsMax: PROJECTS_MAX,
  });
  // Whatever changes in the house may be a variable: the next start of each project asks.
  bus.subscribe(subjects.definitionsForRunners(), () => environments.invalidate());
  bus.subscribe(subjects.rollCall(), () => runner.show());
  bus.onStatus(({ connected }) => connected && runner.show());
  const { heartbeatMs, heartbeatResendMs } = settings;
  const runner: Runner = new Runner({
    // Later starts sort higher.
    holdings: {
      runner: name,
      incarnation: `${Date.now().toString(36).padStart(10, "0")}-${process.pid}`,
      pool: settings.pool,
      labels: settings.labels,
      timing: { ...TIMING_DEFAULT, heartbeatMs, heartbeatResendMs },
    },
    slots: settings.slots,
    shortRunsMax: shortRunsMax(settings),
    handBackAfterMs: settings.handBackAfterMs,
    onDrainAsked: () => process.kill(process.pid, "SIGTERM"),
    silenceMs: settings.workerSilenceMs,
    channels,
    versions: new VersionCache((token) => source.fetchVersion(token), {
      versionsMax: settings.versionsMax,
      bytesMax: VERSION_BYTES_MAX,
    }),
    packages: new RunPackages(packageSets, settings.packageWaitMs),
    packageSets,
    environments,
    calls: new CallRelay({
      question: channels.call(),
      tryMs: settings.callTryMs,
      timeoutMs: settings.callTimeoutMs,
      callsPerSecond: settings.callsPerSecond,
    }),
    payloads: createPayloads(settings, bus, channels, log),
    logs: createLogShipper(settings, bus, name),
    log,
    host: (events) =>
      new WorkerHost(
        {
          workers: settings.workers,
          dataFolder: settings.dataDir,
          command: (socketPath, token, workerId) => workerCommand(settings, { socketPath, token, workerId }),
          configure: configureFrame(settings),
          restart: { ...RESTART, sessionTimeoutMs: settings.workerStartTimeoutMs },
          limits: {
            versionsMax: settings.versionsMax,
            framesMax: OUTGOING_FRAMES_MAX,
            bytesMax: OUTGOING_BYTES_MAX + settings.payloadBytesMax,
          },
          keepaliveMs: KEEPALIVE_MS,
          checkTimeoutMs: CHECK_TIMEOUT_MS,
          log,
        },
        events,
      ),
  });
  return runner;
}

/** Connects as the runner itself where it has an identity of its own. */
async function connect(settings: RunnerSettings, log: Logger): Promise<Connected> {
  const identity = await RunnerIdentity.open(settings, log);
  const name = identity?.runner ?? processName("runner", settings.name);
  const credentials = identity?.credentials;
  const bus = await connectBus({ ...natsOptions(settings), credentials, inboxPrefix: inboxes.runner(name), name, log });
  identity?.keep(bus, openChannels(bus, { runner: name, pool: settings.pool }));
  return { bus, name, identity };
}

interface Connected {
  readonly bus: Bus;
  readonly name: string;
  readonly identity: RunnerIdentity | undefined;
}

/** Tries the sandbox, connects, wires and starts a runner. */
export async function startRunner(settings: RunnerSettings, log: Logger): Promise<RunningProcess> {
  const [{ bus, name, identity }, packageSets] = await Promise.all([
    connect(settings, log),
    openPackages(settings, log),
    assertSandbox(settings),
  ]);
  const runner = createRunner(settings, name, bus, packageSets, log);
  const { host } = runner;
  const health = await startHealthServer({
    host: settings.healthHost,
    port: settings.healthPort,
    checks: {
      nats: () => (bus.connected ? undefined : "no connection to NATS"),
      worker: () => (host.ready ? undefined : "no worker has opened its session"),
    },
    status: () => ({ name, workers: host.workers(), heldRuns: runner.size, environments: host.environments }),
    metrics: runnerMetrics(runner, bus, settings),
  });
  log.info("health.listening", { port: health.port });
  await runner.start();
  return {
    drain: async () => {
      health.drain();
      await runner.drain(Math.max(0, settings.drainTimeoutMs - WORKER_GRACE_MS - LAST_MESSAGES_MS), WORKER_GRACE_MS);
      identity?.close();
      await bus.drain(LAST_MESSAGES_MS);
      await health.close();
    },
  };
}
