import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

/** Waits until a condition holds; the deadline is for tests that fail, not a time that passes. */
export async function until(condition: () => boolean | Promise<boolean>, deadlineMs = 15_000): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > endMs) assert.fail(`after ${deadlineMs} ms this is still false: ${condition.toString()}`);
    await sleep(5);
  }
}
