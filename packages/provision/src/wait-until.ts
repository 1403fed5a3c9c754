import { setTimeout as sleep } from "node:timers/promises";
import { PlatformError } from "@millrace/core";

/** Bounds of a wait. */
export interface WaitOptions {
  /** What is waited for, for the error. */
  readonly what: string;
  readonly timeoutMs: number;
  /** Time between two looks; 25 ms by default. */
  readonly intervalMs?: number;
  /** Ends the wait early with what it throws. */
  readonly check?: () => void;
}

/** Waits until a condition holds; throws WAIT_TIMEOUT when it does not within the time. */
export async function waitUntil(condition: () => boolean | Promise<boolean>, options: WaitOptions): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  while (!(await condition())) {
    options.check?.();
    if (performance.now() > deadline) {
      const message = `${options.what} did not happen within ${options.timeoutMs} ms`;
      throw new PlatformError("DeadlineExceeded", "WAIT_TIMEOUT", message);
    }
    await sleep(options.intervalMs ?? 25);
  }
}
