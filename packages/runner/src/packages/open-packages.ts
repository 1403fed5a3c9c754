import { join } from "node:path";

import type { RunnerSettings } from "@millrace/config";
import type { Logger } from "@millrace/telemetry";

import { workerCommand } from "../worker-settings.ts";
import { PackageSets } from "./package-sets.ts";

const WAITING_MAX = 64;
const RETRY_AFTER_MS = 15_000;
const PROTECT_MIN_MS = 60_000;

/** What uv and pip are told on this machine about where packages come from, passed on to builds alone. */
const INDEX_SETTINGS = /^(UV_DEFAULT_INDEX|UV_INDEX_URL|PIP_INDEX_URL|PIP_CONFIG_FILE|(HTTPS?|ALL|NO)_PROXY)$/i;

/** Opens the package sets of a runner's data folder. */
export async function openPackages(settings: RunnerSettings, log: Logger): Promise<PackageSets> {
  const command = workerCommand(settings, { socketPath: "", token: "", workerId: "" });
  const index = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && INDEX_SETTINGS.test(entry[0]),
  );
  const sets = new PackageSets({
    folder: join(settings.dataDir, "packages"),
    build: {
      command: {
        ...command,
        args: ["-m", "millrace_worker.packages"],
        env: { ...command.env, ...Object.fromEntries(index), ...(settings.uv && { MILLRACE_UV: settings.uv }) },
      },
      indexUrl: settings.packageIndexUrl ?? "",
      network: settings.packageNetwork === "same" ? settings.network : settings.packageNetwork,
      networkAllow: settings.networkAllow,
      networkDeny: settings.networkDeny,
      sdists: settings.packageSdists === "allowed",
      memoryBytes: settings.packageBuildMemoryBytes,
      bytesMax: settings.packageBuildBytesMax,
      timeoutMs: settings.packageBuildTimeoutMs,
    },
    buildsMax: settings.packageBuildsMax,
    waitingMax: WAITING_MAX,
    retryAfterMs: RETRY_AFTER_MS,
    resolutionMs: settings.packageResolutionMs,
    keep: {
      bytesMax: settings.packageSetsBytesMax,
      idleMs: settings.packageSetIdleMs,
      // An environment that was used a moment ago may live for as long, and import lazily.
      protectMs: Math.max(PROTECT_MIN_MS, settings.environmentLifetimeMs + settings.environmentIdleMs),
    },
    log,
  });
  await sets.open();
  return sets;
}
