import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { toActivity } from "./workflow-activity.ts";

function run(n: number, state: "SUCCEEDED" | "FAILED") {
  return { id: `run-${n}`, state, createTimeMs: 1_000 * n, durationMs: n };
}

describe("the activity of a workflow", () => {
  it("has a strip of the newest runs, and numbers of all that were looked at", () => {
    const runs = Array.from({ length: 100 }, (_, i) => run(100 - i, i % 4 === 0 ? "FAILED" : "SUCCEEDED"));
    const activity = toActivity({ workflowId: "w", lastRunTimeMs: 100_000, runs });
    assert.equal(activity.recentRuns.length, 20);
    assert.deepEqual(activity.recentRuns[0], {
      run: "run-100",
      state: "FAILED",
      duration: { seconds: 0, nanos: 100e6 },
    });
    assert.deepEqual([activity.sampleCount, activity.failedCount], [100, 25]);
    assert.deepEqual(activity.p50Duration, { seconds: 0, nanos: 50e6 });
    assert.deepEqual(activity.p95Duration, { seconds: 0, nanos: 95e6 });
    assert.equal(activity.lastRunTime?.getTime(), 100_000);
  });

  it("says nothing of a workflow without runs", () => {
    const { recentRuns, sampleCount, p50Duration, lastRunTime } = toActivity({
      ...{ workflowId: "w", lastRunTimeMs: null, runs: [] },
    });
    assert.deepEqual([recentRuns, sampleCount, p50Duration, lastRunTime], [[], 0, undefined, undefined]);
  });
});
