import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  decideAssign,
  decideCancel,
  decideCheckpoint,
  decideMarkRunning,
  decidePoison,
  type RunFacts,
} from "./decide.ts";
import type { Pause, StepResult } from "./step-result.ts";

const NOTHING = new Uint8Array();

const PAUSE: Pause = {
  kind: "DELAY",
  wakeTimeMs: 77,
  onTimeout: "RESUME",
  contextJson: NOTHING,
  maxRetries: 0,
  childNumber: 0,
};

function facts(fields: Partial<RunFacts> = {}): RunFacts {
  return {
    partition: 3,
    runId: "run",
    spec: {
      ...{ projectId: "p", workflowId: "w", versionId: "v", pool: "default", pythonMinor: "" },
      ...{ stepNames: ["one", "two"], concurrencyLimit: 0, queueLimit: 0, runTimeoutMs: 1000 },
    },
    input: {
      ...{ eventJson: NOTHING, contextJson: NOTHING, eventFallsBackToBody: false, triggerKind: "http" },
      ...{ traceParent: "", traceId: "", createTimeMs: 0 },
    },
    state: "RUNNING",
    assignment: 2,
    steps: [],
    startTimeMs: null,
    deaths: 0,
    ...fields,
  };
}

function step(index: number, fields: Partial<StepResult> = {}): StepResult {
  return {
    ...{ path: `steps/${index}`, name: "step", executionId: `e${index}`, exportsJson: NOTHING, lastLogSequence: 0 },
    ...{ startTimeMs: 10 * index + 1, endTimeMs: 10 * index + 5 },
    ...fields,
  };
}

describe("a finished step", () => {
  it("lets the run go on while steps are left, and starts its clock", () => {
    const { change, then } = decideCheckpoint(facts(), step(0));
    assert.equal(then, "NEXT");
    assert.equal(change.kind, "update");
    assert.equal(change.state, "RUNNING");
    assert.equal(change.startTimeMs, 1);
  });

  it("ends the run with the last one", () => {
    const { change, then } = decideCheckpoint(facts({ steps: [step(0)] }), step(1));
    assert.equal(then, "END");
    assert.deepEqual([change.kind, change.state], ["end", "SUCCEEDED"]);
    assert.equal(change.startTimeMs, 1);
  });

  it("ends the run as failed when it failed", () => {
    const failure = { cause: "EXCEPTION", type: "KeyError", message: "x", traceback: "", line: 1 } as const;
    const { change } = decideCheckpoint(facts(), step(0, { failure }));
    assert.deepEqual([change.kind, change.state], ["end", "FAILED"]);
  });

  it("ends the run as succeeded, with the reason, when it asked for that", () => {
    const { change } = decideCheckpoint(facts(), step(0, { exit: { reason: "enough" } }));
    assert.deepEqual([change.kind, change.state], ["end", "SUCCEEDED"]);
    assert.equal(change.kind === "end" && change.exitReason, "enough");
  });

  it("closes the assignment when it pauses the run", () => {
    const { change, then } = decideCheckpoint(facts(), step(0, { pause: PAUSE }));
    assert.equal(then, "SUSPEND");
    assert.deepEqual([change.state, change.assignment], ["SUSPENDED", 3]);
    assert.equal(change.kind === "update" && change.wakeTimeMs, 77);
  });

  it("is refused when it is not the next one", () => {
    assert.throws(() => decideCheckpoint(facts(), step(1)), { reason: "INVARIANT_BROKEN" });
    assert.throws(() => decideCheckpoint(facts(), step(0, { path: "steps/../0" })), { reason: "INVALID_STEP_PATH" });
  });
});

describe("a run that has ended", () => {
  for (const state of ["SUCCEEDED", "FAILED", "CANCELLED"] as const) {
    it(`moves nowhere from ${state}`, () => {
      const ended = facts({ state });
      assert.throws(() => decideCancel(ended, "", 0), { reason: "INVARIANT_BROKEN" });
      assert.throws(() => decideAssign(ended), { reason: "INVARIANT_BROKEN" });
      assert.throws(() => decideMarkRunning(ended, 0), { reason: "INVARIANT_BROKEN" });
      assert.throws(() => decideCheckpoint(ended, step(0)), { reason: "INVARIANT_BROKEN" });
    });
  }
});

describe("commands", () => {
  it("cancel with the caller's reason, from any state that is not an end", () => {
    for (const state of ["PENDING", "RUNNING", "SUSPENDED"] as const) {
      const { change } = decideCancel(facts({ state }), "no more", 99);
      assert.deepEqual([change.state, change.kind === "end" && change.exitReason], ["CANCELLED", "no more"]);
    }
  });

  it("assign under the next number, also a suspended run", () => {
    assert.equal(decideAssign(facts({ state: "SUSPENDED" })).change.assignment, 3);
  });

  it("fail a poisoned run at the step it was in", () => {
    const { change } = decidePoison(facts({ steps: [step(0)], deaths: 3 }), 99);
    assert.equal(change.state, "FAILED");
    assert.deepEqual([change.step?.path, change.step?.name], ["steps/1", "two"]);
    assert.match(change.step?.failure?.message ?? "", /died 3 times/);
  });
});
