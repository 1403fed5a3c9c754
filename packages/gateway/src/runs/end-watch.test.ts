import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RunState } from "@millrace/core";
import type { RunStatus } from "@millrace/store";
import { createLogger } from "@millrace/telemetry";
import { EndWatch } from "./end-watch.ts";

const log = createLogger({ level: "error", write: () => {} });
const never = new AbortController().signal;

/** A record whose runs are in the states that a test says. */
function record(states: Map<string, RunState>) {
  const asked: string[][] = [];
  let failures = 0;
  return {
    asked,
    failOnce: () => failures++,
    getStatus: (ids: readonly string[]): Promise<RunStatus[]> => {
      asked.push([...ids]);
      if (failures > 0) {
        failures--;
        return Promise.reject(new Error("away"));
      }
      const there = ids.filter((id) => states.has(id));
      return Promise.resolve(
        there.map((id) => ({ id, state: states.get(id)!, partition: 0, assignment: 1, steps: [] })),
      );
    },
  };
}

describe("EndWatch", () => {
  it("reads all that is waited for at once, through a failure, until each has ended", async () => {
    const states = new Map<string, RunState>([
      ["a", "RUNNING"],
      ["b", "PENDING"],
    ]);
    const runs = record(states);
    runs.failOnce();
    const watch = new EndWatch({ runs, waitersMax: 10, log });
    const waits = [watch.wait("a", 20_000, never), watch.wait("a", 20_000, never), watch.wait("b", 20_000, never)];
    while (runs.asked.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(runs.asked[0], ["a", "b"]);
    states.set("a", "SUCCEEDED");
    await Promise.all(waits.slice(0, 2));
    states.set("b", "CANCELLED");
    await waits[2];
  });

  it("does not wait for a run that is not there, nor for a caller who has gone, nor past the time", async () => {
    const watch = new EndWatch({ runs: record(new Map([["a", "RUNNING"]])), waitersMax: 10, log });
    await watch.wait("missing", 20_000, never);
    await watch.wait("a", 10, never);
    const leaving = new AbortController();
    const waiting = watch.wait("a", 20_000, leaving.signal);
    leaving.abort();
    await waiting;
    await watch.wait("a", 20_000, leaving.signal);
  });

  it("refuses more callers than it has room for", async () => {
    const watch = new EndWatch({ runs: record(new Map([["a", "RUNNING"]])), waitersMax: 1, log });
    const waiting = watch.wait("a", 50, never);
    await assert.rejects(watch.wait("a", 50, never), { reason: "GATEWAY_BUSY" });
    await waiting;
    await watch.wait("a", 1, never);
  });
});
