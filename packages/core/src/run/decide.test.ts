import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  decideAssign,
  decideCancel,
  decideCheckpoint,
  decideMarkRunning,
  decidePoison,
  decideResume,
  decideWake,
  type RunFacts,
} from "./decide.ts";
import type { Resume } from "../messages.ts";
import { childRunId } from "./children.ts";
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
    deaths: [],
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
    const deaths = ["WORKER_DIED", "ENVIRONMENT_DIED", "ENVIRONMENT_DIED"] as const;
    const { change } = decidePoison(facts({ steps: [step(0)], deaths }), 99);
    assert.equal(change.state, "FAILED");
    assert.deepEqual([change.step?.path, change.step?.name], ["steps/1", "two"]);
    assert.match(
      change.step?.failure?.message ?? "",
      /3 times in a row \(its worker died, its environment died twice\)/,
    );
  });

  it("count deaths anew after a checkpoint", () => {
    const { change } = decideCheckpoint(facts({ deaths: ["WORKER_DIED", "WORKER_DIED"] }), step(0));
    assert.deepEqual(change.kind === "update" && change.deaths, []);
  });

  it("take a parked run out of the record's queue with its next assignment, others without a word of it", () => {
    const parkedOf = (parked: boolean) => {
      const { change } = decideAssign(facts({ state: "PENDING", parked }));
      return change.kind === "update" && change.parked;
    };
    assert.deepEqual([parkedOf(true), parkedOf(false)], [false, undefined]);
  });
});

describe("a paused run", () => {
  const paused = (pause: Partial<Pause> = {}, fields: Partial<StepResult> = {}): RunFacts =>
    facts({ state: "SUSPENDED", steps: [step(0, { pause: { ...PAUSE, ...pause }, ...fields })] });
  const request = (fields: Partial<Resume> = {}): Resume => ({
    ...{ partition: 3, runId: "run", path: "steps/0", requestId: "r", gateway: "g", action: "RESUME", reason: "" },
    ...{ dataJson: Buffer.from("{}") },
    ...fields,
  });

  it("merely waits for a runner when its time has come, and is cancelled where that was asked for", () => {
    assert.equal(decideWake(paused(), 99), undefined);
    const late = decideWake(paused({ kind: "SUSPEND", onTimeout: "CANCEL" }), 99);
    assert.deepEqual([late?.change.kind, late?.change.state], ["end", "CANCELLED"]);
  });

  it("ends when no step is left behind the pause", () => {
    const last = facts({ state: "SUSPENDED", steps: [step(0), step(1, { pause: PAUSE })] });
    assert.equal(decideWake(last, 99)?.change.state, "SUCCEEDED");
    assert.equal(decideResume(last, request({ path: "steps/1" }), 99).change.state, "SUCCEEDED");
  });

  it("takes what a request brings along into the same commit", () => {
    const { change, then } = decideResume(paused(), request(), 99);
    assert.deepEqual([change.kind, change.state, then], ["update", "PENDING", "NEXT"]);
    assert.deepEqual([change.step?.path, change.step?.executionId], ["steps/0/resume", "r"]);
    const cancelled = decideResume(paused(), request({ action: "CANCEL", reason: "why" }), 99).change;
    assert.deepEqual([cancelled.state, cancelled.kind === "end" && cancelled.exitReason], ["CANCELLED", "why"]);
  });

  it("is no longer paused for a second request", () => {
    assert.throws(() => decideResume({ ...paused(), state: "PENDING" }, request(), 99), { reason: "INVARIANT_BROKEN" });
  });
});

describe("a step that asks to be run again", () => {
  const rerun: Pause = { ...PAUSE, kind: "RERUN", maxRetries: 1 };

  it("is the next step, under an address of its own, until its retries are used up", () => {
    const once = facts({ steps: [step(0, { pause: rerun })] });
    assert.throws(() => decideCheckpoint(once, step(1)), { reason: "INVARIANT_BROKEN" });
    const again = decideCheckpoint(once, step(0, { path: "steps/0/runs/2", pause: rerun }));
    assert.equal(again.then, "SUSPEND");
    const twice = facts({ steps: [step(0, { path: "steps/0/runs/2", pause: rerun })] });
    assert.equal(decideCheckpoint(twice, step(1)).then, "END");
  });
});

describe("a step that starts other workflows", () => {
  const child = {
    number: 1,
    workflowId: "w2",
    workflowName: "other",
    eventJson: NOTHING,
    callTimeMs: 1_700_000_000_000,
  };
  const parent = (generation: number) =>
    Buffer.from(
      JSON.stringify({ parent: { run: "p", workflow_id: "w0", step_path: "steps/0", waits: true, generation } }),
    );
  const started = (generation: number): RunFacts => {
    const run = facts();
    return { ...run, input: { ...run.input, triggerKind: "workflow", contextJson: parent(generation) } };
  };

  it("sends their starts with its commit, and waits for the one that it names", () => {
    const { change } = decideCheckpoint(facts(), step(0, { children: [child] }));
    assert.deepEqual(
      change.outbox?.map(({ body }) => body.kind),
      ["START"],
    );
    assert.equal(change.step?.children, undefined);
    const waiting = decideCheckpoint(
      facts(),
      step(0, { children: [child], pause: { ...PAUSE, kind: "CHILD", childNumber: 1 } }),
    ).change;
    const start = waiting.outbox?.[0]?.body;
    assert.ok(start?.kind === "START" && start.parent.waits);
    assert.equal(waiting.step?.pause?.child?.runId, start.childId);
    assert.equal(childRunId("run", "steps/0", 1, child.callTimeMs), start.childId);
  });

  it("starts nothing when it failed", () => {
    const failure = { cause: "EXCEPTION", type: "KeyError", message: "x", traceback: "", line: 1 } as const;
    assert.equal(decideCheckpoint(facts(), step(0, { failure, children: [child] })).change.outbox, undefined);
  });

  it("tells its end to the run that waits for it", () => {
    const done = { ...started(1), steps: [step(0)] };
    const { change } = decideCheckpoint(done, step(1, { returnValueJson: Buffer.from("42") }));
    const [message] = change.outbox ?? [];
    assert.deepEqual([message?.body.kind, message?.id], ["RESUME", "result/run"]);
    assert.deepEqual(JSON.parse(Buffer.from(message!.payload).toString()), {
      $child: { run: "run", state: "SUCCEEDED", error: null, reason: "", result: 42 },
    });
  });

  it("fails when too many have started each other", () => {
    assert.equal(decideCheckpoint(started(31), step(0, { children: [child] })).then, "NEXT");
    assert.equal(decideCheckpoint(started(32), step(0, { children: [child] })).change.state, "FAILED");
  });
});
