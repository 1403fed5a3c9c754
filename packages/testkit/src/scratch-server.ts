import type { ChildProcess } from "node:child_process";
import { openSync, readFileSync } from "node:fs";
import { PlatformError } from "@millrace/core";
import { isAlive, launchProcess, signal, waitUntil, type Launch } from "@millrace/provision";

const startTimeoutMs = 60_000;
const stopTimeoutMs = 10_000;

/** A server that belongs to one test process. It keeps no test process alive, and it ends with it. */
export interface ScratchServer {
  readonly pid: number;
  /** Ends it and waits until it is gone. `SIGKILL` is for tests of a crash. */
  stop(how?: NodeJS.Signals): Promise<void>;
}

/** Starts a server and waits until it is ready; its output goes to `logFile`. */
export async function startScratchServer(
  launch: Launch,
  logFile: string,
  isReady: (pid: number) => boolean | Promise<boolean>,
): Promise<ScratchServer> {
  const log = openSync(logFile, "a");
  const child = launchProcess(launch, ["ignore", log, log]);
  child.unref();
  const pid = child.pid ?? 0;
  const endAtExit = (): void => endNow(child);
  process.on("exit", endAtExit);
  await waitUntil(() => isReady(pid), {
    what: `start of ${launch.command}`,
    timeoutMs: startTimeoutMs,
    check: () => checkAlive(pid, launch, logFile),
  });
  return {
    pid,
    stop: async (how = "SIGINT") => {
      process.off("exit", endAtExit);
      signal(pid, how);
      // A dead one that nobody has waited for still has its number, and Postgres takes that for a server of the same data.
      const isOver = () => child.exitCode !== null || child.signalCode !== null;
      await waitUntil(isOver, { what: `end of ${launch.command}`, timeoutMs: stopTimeoutMs });
    },
  };
}

function checkAlive(pid: number, launch: Launch, logFile: string): void {
  if (!isAlive(pid)) {
    const message = `${launch.command} ended while starting:\n${readFileSync(logFile, "utf8").slice(-4_000)}`;
    throw new PlatformError("Internal", "SCRATCH_SERVER_FAILED", message);
  }
}

// Postgres takes this as "stop at once"; nothing of a scratch server is worth a shutdown.
function endNow(child: ChildProcess): void {
  if (child.pid !== undefined && isAlive(child.pid)) {
    signal(child.pid, "SIGQUIT");
  }
}
