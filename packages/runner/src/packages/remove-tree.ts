import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * Removes a folder that code of strangers may have filled: with paths longer than the system takes at once, and with folders
 * that nobody may enter.
 */
export async function removeTree(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  } catch {
    // These go down from folder to folder, and follow no links there.
    await run("chmod", ["-R", "u+rwx", folder]).catch(() => {});
    await run("rm", ["-rf", folder]);
  }
}
