import { totalmem } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

import type { RunnerSettings } from "@millrace/config";
import * as session from "@millrace/protocol/session";

import { toDuration } from "./active-run.ts";
import type { WorkerCommand } from "./worker-host/worker-process.ts";

/** Where the worker's package is in a checkout; an installed one is found without it. */
const WORKER_PACKAGE = fileURLToPath(new URL("../../worker", import.meta.url));

/** What a worker inherits of the runner's environment: never the runner's credentials, never a cloud's keys. */
const INHERITED =
  /^(PATH|HOME|LANG|LC_.*|TZ|TMPDIR|LD_LIBRARY_PATH|MILLRACE_HOUSE|MILLRACE_SANDBOX_[A-Z_]+|OTEL_.*|SSL_CERT_.*)$/;

/** Who a worker is and whom it calls. */
export interface WorkerIdentity {
  readonly socketPath: string;
  readonly token: string;
  readonly workerId: string;
}

/** The process that a worker is. */
export function workerCommand(
  settings: RunnerSettings,
  { socketPath, token, workerId }: WorkerIdentity,
  inherited: Readonly<Record<string, string | undefined>> = process.env,
): WorkerCommand {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(inherited))
    if (value !== undefined && INHERITED.test(name)) env[name] = value;
  if (settings.bubblewrap !== undefined) env["MILLRACE_SANDBOX_BWRAP"] = settings.bubblewrap;
  if (settings.slirp4netns !== undefined) env["MILLRACE_SANDBOX_SLIRP4NETNS"] = settings.slirp4netns;
  if (settings.nft !== undefined) env["MILLRACE_SANDBOX_NFT"] = settings.nft;
  if (settings.sandbox === "none-and-user-code-can-do-anything") {
    env["MILLRACE_UNSAFE_RUN_USER_CODE_WITHOUT_SANDBOX"] = "yes-i-understand";
  }
  return {
    command: settings.python,
    args: ["-m", "millrace_worker"],
    env: {
      ...env,
      PYTHONPATH: [WORKER_PACKAGE, inherited["PYTHONPATH"]].filter(Boolean).join(delimiter),
      PYTHONUNBUFFERED: "1",
      MILLRACE_RUNNER_SOCKET: socketPath,
      MILLRACE_WORKER_TOKEN: token,
      MILLRACE_WORKER_ID: workerId,
      MILLRACE_SANDBOX_PACKAGE_SETS: join(settings.dataDir, "packages/sets"),
      MILLRACE_LOG_LEVEL: settings.logLevel === "warn" ? "warning" : settings.logLevel,
    },
  };
}

/** An idle environment takes about 10 MiB; a busy one may fill its memory limit. */
const MEMORY_BYTES_PER_ENVIRONMENT = 64 * 1024 * 1024;
const ENVIRONMENTS_BY_MEMORY_MAX = 256;

/** Environments of one worker: its share of the runner's, and never too few for the runs that it may get. */
function environmentsMax(settings: RunnerSettings, memoryBytes: number): number {
  const byMemory = Math.min(ENVIRONMENTS_BY_MEMORY_MAX, Math.floor(memoryBytes / MEMORY_BYTES_PER_ENVIRONMENT));
  const share = Math.floor((settings.environmentsMax || byMemory) / settings.workers);
  return Math.max(share, settings.slots + settings.blankEnvironments);
}

/** Runs at a time while their steps are short: as many as one worker has environments for, should all of them come to it and turn out to be slow. */
export function shortRunsMax(settings: RunnerSettings, memoryBytes: number = totalmem()): number {
  const environments = environmentsMax(settings, memoryBytes) - settings.blankEnvironments;
  return Math.max(settings.slots, Math.min(settings.slots * settings.shortRunsPerSlot, environments));
}

const NETWORK_MODES = {
  open: session.NetworkMode.OPEN,
  internet: session.NetworkMode.INTERNET,
  none: session.NetworkMode.NONE,
} as const;

/** The bounds that a worker gets. */
export function configureFrame(settings: RunnerSettings, memoryBytes: number = totalmem()): session.Configure {
  return {
    environmentsMax: environmentsMax(settings, memoryBytes),
    blankEnvironments: settings.blankEnvironments,
    idleTimeout: toDuration(settings.environmentIdleMs),
    lifetimeMax: toDuration(settings.environmentLifetimeMs),
    tmpBytes: settings.tmpBytes,
    logBytesMax: settings.logBytesMax,
    resultBytesMax: settings.resultBytesMax,
    network: NETWORK_MODES[settings.network],
    networkAllow: [...settings.networkAllow],
    networkDeny: [...settings.networkDeny],
    processesMax: settings.processesMax,
    tmpSavedBytesMax: settings.tmpSavedBytesMax,
    spareEnvironments: settings.spareEnvironments,
    spareMemoryBytes: settings.spareMemoryBytes,
    runsBehindMax: settings.runsBehindMax,
  };
}
