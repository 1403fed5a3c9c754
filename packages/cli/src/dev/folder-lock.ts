import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { createServer } from "node:net";
import { PlatformError } from "@millrace/core";
import { readStatus } from "./status-socket.ts";

/** A data folder that this process alone works in. */
export interface FolderLock {
  release(): void;
}

/**
 * Takes a data folder for this process; throws ALREADY_RUNNING with the holder's process id and address.
 *
 * The lock is a socket with an abstract name: the kernel gives a name to one process at a time and takes it back when that
 * process is gone, however it went, so there is no stale lock to tell from a live one.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const name = createHash("sha256").update(realpathSync(folder)).digest("hex").slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ path: `\0millrace-${name}` }, resolve);
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") {
      throw await alreadyRunning(folder);
    }
    throw error;
  }
  return { release: () => server.close() };
}

async function alreadyRunning(folder: string): Promise<PlatformError> {
  // One that is still starting, or already draining, has no status to show.
  const status = await readStatus(folder).catch(() => undefined);
  const which = status === undefined ? "" : ` (process ${status.pid}, ${status.url})`;
  return new PlatformError("AlreadyExists", "ALREADY_RUNNING", `a house is running in ${folder} already${which}`, {
    metadata: status === undefined ? {} : { pid: String(status.pid), url: status.url },
  });
}
