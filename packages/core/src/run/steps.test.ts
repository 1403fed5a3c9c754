import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isBehind, nextStepPath, placeStep, resumeStep, turnOf } from "./steps.ts";
import { parseStepRun, stepPath } from "./step-path.ts";
import type { Pause, StepResult } from "./step-result.ts";

const NOTHING = new Uint8Array();
const spec = { stepNames: ["one", "two"] };
const RERUN: Pause = {
  ...{
    kind: "RERUN",
    wakeTimeMs: 1,
    onTimeout: "RESUME",
    contextJson: Buffer.from("[1]"),
    maxRetries: 2,
    childNumber: 0,
  },
};

function step(path: string, fields: Partial<StepResult> = {}): StepResult {
  const times = { startTimeMs: 1, endTimeMs: 2, lastLogSequence: 0 };
  return { path, name: "step", executionId: path, exportsJson: NOTHING, ...times, ...fields };
}

describe("addresses of step runs", () => {
  it("name the step, and its executions after the first", () => {
    assert.deepEqual(parseStepRun(stepPath(3)), { index: 3, runs: 1 });
    assert.deepEqual(parseStepRun(stepPath(3, 12)), { index: 3, runs: 12 });
    for (const path of ["steps/0/runs/1", "steps/0/runs/0", "steps/01", "steps/0/runs/2/resume", "steps/0/runs"]) {
      assert.throws(() => parseStepRun(path), { reason: "INVALID_STEP_PATH" }, path);
    }
  });
});

describe("how far a run has come", () => {
  it("is told by the newest execution of each step", () => {
    const steps: StepResult[] = [];
    const next = () => nextStepPath({ spec, steps });
    assert.equal(next(), "steps/0");
    placeStep(steps, step("steps/0", { pause: RERUN }));
    assert.equal(next(), "steps/0/runs/2");
    placeStep(steps, step("steps/0/runs/2", { pause: RERUN }));
    placeStep(steps, step("steps/0/runs/3", { pause: RERUN }));
    assert.deepEqual([steps.length, next()], [1, "steps/1"]);
    assert.ok(isBehind({ steps }, "steps/0") && isBehind({ steps }, "steps/0/runs/3"));
    assert.ok(!isBehind({ steps }, "steps/0/runs/4") && !isBehind({ steps }, "steps/1"));
    placeStep(steps, step("steps/1"));
    assert.equal(next(), undefined);
  });

  it("keeps what ended a pause with the very execution that paused", () => {
    const first = step("steps/0", { pause: RERUN });
    const resumption = { requestId: "r", timeMs: 5, dataJson: Buffer.from("{}") };
    const steps = [first];
    placeStep(steps, resumeStep(first, resumption));
    assert.deepEqual(steps[0]?.resumption, resumption);
    const second = [step("steps/0/runs/2", { pause: RERUN })];
    placeStep(second, resumeStep(first, resumption));
    assert.equal(second[0]?.resumption, undefined);
  });

  it("tells the step behind a pause what ended it, and one that runs again what was passed on", () => {
    assert.equal(turnOf({ spec, steps: [step("steps/0")] }), undefined);
    const again = turnOf({ spec, steps: [step("steps/0", { pause: RERUN })] });
    assert.deepEqual(again, { path: "steps/0/runs/2", runs: 2, contextJson: RERUN.contextJson, resumeJson: NOTHING });
    const resumption = { requestId: "r", timeMs: 5, dataJson: Buffer.from("{}") };
    const on = turnOf({ spec, steps: [step("steps/0", { pause: { ...RERUN, kind: "DELAY" }, resumption })] });
    assert.deepEqual(on, { path: "steps/1", runs: 1, contextJson: NOTHING, resumeJson: resumption.dataJson });
  });
});
