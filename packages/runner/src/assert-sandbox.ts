import { execFile } from "node:child_process";

import type { RunnerSettings } from "@millrace/config";
import { PlatformError } from "@millrace/core";

import { workerCommand } from "./worker-settings.ts";

const PROBE_TIMEOUT_MS = 60_000;

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly remedy: string;
  /** False for what is one more wall, without which a runner starts all the same. */
  readonly needed: boolean;
}

/**
 * Has the worker's own code start one sandbox and ask it what it could do. Throws SANDBOX_UNAVAILABLE with the cause and the
 * remedy: a runner whose sandbox does not hold takes no runs. Silent when the settings say that there is to be none.
 */
export async function assertSandbox(settings: RunnerSettings): Promise<void> {
  if (settings.sandbox !== "bubblewrap") return;
  const { output, problem } = await probe(settings);
  const failed = parseChecks(output)?.filter(({ ok, needed }) => needed && !ok);
  if (failed === undefined) {
    const message = `the sandbox could not be tried with ${settings.python}: ${problem}`;
    throw new PlatformError("FailedPrecondition", "SANDBOX_UNAVAILABLE", message);
  }
  if (failed.length > 0) {
    const causes = failed.map(({ name, detail, remedy }) => `${name}: ${detail} ${remedy}`.trim());
    const message = `the sandbox does not work here, so this runner takes no runs. ${causes.join("; ")}`;
    throw new PlatformError("FailedPrecondition", "SANDBOX_UNAVAILABLE", message);
  }
}

function probe(settings: RunnerSettings): Promise<{ output: string; problem: string }> {
  const { command, env } = workerCommand(settings, { socketPath: "", token: "", workerId: "" });
  // A worker hears of these from its runner; the probe is told like this.
  const network = {
    MILLRACE_SANDBOX_NETWORK: settings.network,
    MILLRACE_SANDBOX_NETWORK_ALLOW: settings.networkAllow.join(","),
    MILLRACE_SANDBOX_NETWORK_DENY: settings.networkDeny.join(","),
  };
  return new Promise((resolve) => {
    // A failed check is an answer too: what counts is what it printed.
    execFile(
      command,
      ["-m", "millrace_worker.sandbox", "--probe"],
      { env: { ...env, ...network }, timeout: PROBE_TIMEOUT_MS },
      (error, stdout, stderr) =>
        resolve({ output: stdout, problem: (stderr.trim() || error?.message) ?? "it said nothing" }),
    );
  });
}

function parseChecks(output: string): Check[] | undefined {
  try {
    return (JSON.parse(output) as { checks: Check[] }).checks;
  } catch {
    return undefined;
  }
}
