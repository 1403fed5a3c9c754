import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive } from "@millrace/provision";

const prefix = "millrace-scratch-";

/**
 * A folder for this test process alone, gone when the process ends. Folders of test processes that were killed are removed
 * by the next one that asks.
 */
export function scratchFolder(): string {
  removeLeftovers();
  const folder = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`));
  process.on("exit", () => removeFolder(folder));
  return folder;
}

function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(name.startsWith(prefix) ? name.slice(prefix.length).split("-")[0] : Number.NaN);
    if (Number.isInteger(pid) && !isAlive(pid)) {
      removeFolder(join(tmpdir(), name));
    }
  }
}

function removeFolder(folder: string): void {
  try {
    // A server that was told to stop may still write while its files go.
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  } catch {
    // Another test process cleans up the same leftovers, or another user owns them.
  }
}
