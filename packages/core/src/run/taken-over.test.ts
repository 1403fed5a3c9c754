import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StepResult } from "./step-result.ts";
import { takenSteps, takeOver, withTmp } from "./taken-over.ts";

const NOTHING = new Uint8Array();
const spec = { stepNames: ["fetch", "wait", "send"] };

function result(index: number, given: Partial<StepResult> = {}): StepResult {
  return {
    ...{
      path: `steps/${index}`,
      name: spec.stepNames[index]!,
      executionId: `e${index}`,
      exportsJson: Buffer.from("{}"),
    },
    ...{ startTimeMs: 1, endTimeMs: 2, lastLogSequence: 7 },
    ...given,
  };
}

const answer = { status: 200, headers: [], body: NOTHING, immediate: false };
const pause = {
  kind: "SUSPEND",
  wakeTimeMs: 9,
  onTimeout: "CANCEL",
  contextJson: NOTHING,
  maxRetries: 0,
  childNumber: 0,
} as const;
const resumption = { requestId: "r", timeMs: 5, dataJson: Buffer.from('{"$resume_data":1}') };

describe("what a replay takes over", () => {
  it("is what the steps above gave, without what they did to others", () => {
    const steps = [
      result(0, { response: answer, returnValueJson: Buffer.from("1") }),
      result(1, { pause, resumption }),
    ];
    const outcome = takeOver({ runId: "earlier", spec, steps }, spec, "send");
    assert.ok("taken" in outcome);
    assert.deepEqual(
      outcome.taken.map(({ path, takenFrom, lastLogSequence }) => [path, takenFrom, lastLogSequence]),
      [
        ["steps/0", "earlier", 0],
        ["steps/1", "earlier", 0],
        ["steps/1/resume", "earlier", 0],
      ],
    );
    const [first, second] = takenSteps({ takenOver: outcome.taken });
    assert.deepEqual([first!.returnValueJson, first!.response], [Buffer.from("1"), undefined]);
    assert.deepEqual([second!.pause, second!.resumption], [undefined, resumption]);
  });

  it("names the run that a step really ran in, however often it was taken over", () => {
    const outcome = takeOver({ runId: "second", spec, steps: [result(0, { takenFrom: "first" })] }, spec, "wait");
    assert.ok("taken" in outcome);
    assert.equal(outcome.taken[0]!.takenFrom, "first");
  });

  it("is refused for a step that is not there, above which one did not end well, or of another version", () => {
    const run = { runId: "earlier", spec, steps: [result(0), undefined, undefined] };
    assert.deepEqual(takeOver(run, spec, "nobody"), { refused: "STEP_NOT_FOUND" });
    assert.deepEqual(takeOver(run, spec, "send"), { refused: "STEP_NOT_DONE", step: "wait" });
    const other = { stepNames: ["fetch", "clean", "send"] };
    assert.deepEqual(takeOver(run, other, "send"), { refused: "STEPS_DIFFER", step: "clean" });
    assert.deepEqual(takeOver(run, spec, "fetch"), { taken: [] });
  });

  it("has the newest state of /tmp alone", () => {
    const saved = { content: Buffer.from("a"), unsaved: "" };
    const gone = { content: NOTHING, unsaved: "gone" };
    const taken = withTmp([result(0, { tmp: saved }), result(1, { tmp: saved }), result(2)], gone);
    assert.deepEqual(
      taken.map(({ tmp }) => tmp),
      [undefined, gone, undefined],
    );
  });
});
