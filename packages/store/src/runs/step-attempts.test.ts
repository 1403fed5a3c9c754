import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { stepPath, type LostAttempt } from "@millrace/core";
import {
  createAccept,
  createEnd,
  createScratchHouse,
  createStep,
  createUpdate,
  type ScratchHouse,
} from "../../test/scratch-house.ts";
import { attemptsOf, type LossRow } from "./step-attempts.ts";

function createLoss(assignment: number, given: Partial<LostAttempt> = {}): LostAttempt {
  const times = { startTimeMs: 1_000 * assignment, endTimeMs: 1_000 * assignment + 500 };
  return { path: "steps/0", assignment, runner: "r1", loss: "WORKER_DIED", ...times, ...given };
}

async function shownOf(house: ScratchHouse, runId: string) {
  const { steps } = await house.store.runs.get(house.projectId, runId);
  return steps.map(({ attempts, leftOut }) => ({
    leftOut,
    attempts: attempts.map(
      ({ number, assignment, outcome, runner }) => `${number}: ${assignment} ${outcome} ${runner}`,
    ),
  }));
}

describe("attempts of a run's steps", () => {
  it("are the lost ones, written by the commit of the next assignment, and the one that came to an end", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const run = createAccept(house.spec);
    const straight = createAccept(house.spec);
    await writer.commit(run, straight);
    await writer.commit(createUpdate(run, { assignment: 2, lost: createLoss(1) }));
    await writer.commit(
      createUpdate(run, { assignment: 3, lost: createLoss(2, { startTimeMs: null, runner: "", loss: "RUNNER_LOST" }) }),
    );
    await writer.commit(createUpdate(run, { assignment: 3, step: createStep(0) }));
    const first = ["1: 1 WORKER_DIED r1", "2: 2 RUNNER_LOST ", "3: 3 SUCCEEDED "];
    assert.deepEqual((await shownOf(house, run.runId))[0], { leftOut: 0, attempts: first });
    const lost = createLoss(3, { path: "steps/1", loss: "CANCELLED" });
    await writer.commit(
      createEnd(run, { state: "CANCELLED", assignment: 3, lost }),
      createEnd(straight, { step: createStep(0) }),
    );
    assert.deepEqual(await shownOf(house, run.runId), [
      { leftOut: 0, attempts: first },
      { leftOut: 0, attempts: ["1: 3 CANCELLED r1"] },
    ]);
    const [step] = (await house.store.runs.get(null, run.runId)).steps;
    assert.deepEqual(
      step!.attempts.slice(0, 2).map(({ startTimeMs, endTimeMs }) => [startTimeMs, endTimeMs]),
      [
        [1_000, 1_500],
        [null, 2_500],
      ],
    );
    assert.deepEqual((await shownOf(house, straight.runId))[0], { leftOut: 0, attempts: ["1: 1 SUCCEEDED "] });
  });

  it("are the first and the newest when there are many, and gone with their run", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const run = createAccept(house.spec);
    await writer.commit(run);
    for (let assignment = 1; assignment <= 30; assignment++) {
      await writer.commit(createUpdate(run, { assignment: assignment + 1, lost: createLoss(assignment) }));
    }
    const [step] = await shownOf(house, run.runId);
    assert.equal(step!.leftOut, 10);
    assert.deepEqual(
      step!.attempts.map((text) => parseInt(text, 10)),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30],
    );
    await writer.commit(createEnd(run, { assignment: 31, step: createStep(0) }));
    const [ended] = await shownOf(house, run.runId);
    assert.deepEqual([ended!.leftOut, ended!.attempts.at(-1)], [11, "31: 31 SUCCEEDED "]);
    const client = await house.connect();
    await house.store.housekeeping.keepHistory({ house: { days: 1, runs: 0 }, nowMs: Date.now() + 10 * 86_400_000 });
    assert.deepEqual((await client.query("SELECT * FROM step_attempts")).rows, []);
  });

  it("are not written for a partition that somebody else owns by now", async () => {
    await using house = await createScratchHouse();
    const [writer, other] = [await house.createWriter([3]), await house.createWriter([4])];
    const run = createAccept(house.spec);
    await writer.commit(run);
    await other.take([3]);
    await writer.commit(createUpdate(run, { assignment: 2, lost: createLoss(1) }));
    assert.deepEqual((await shownOf(house, run.runId))[0]!.attempts, []);
  });

  it("are those of all executions of a step, with the pauses behind each step", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const run = createAccept(house.spec);
    await writer.commit(run);
    const pause = {
      kind: "RERUN",
      wakeTimeMs: 5_000,
      onTimeout: "RESUME",
      contextJson: new Uint8Array(),
      maxRetries: 99,
      childNumber: 0,
    } as const;
    for (let runs = 1; runs <= 30; runs++) {
      const step = {
        ...createStep(0),
        path: stepPath(0, runs),
        executionId: `x${runs}`,
        startTimeMs: 100 * runs,
        endTimeMs: 100 * runs + 50,
      };
      const lost = runs === 2 ? createLoss(2, { path: stepPath(0, 2) }) : undefined;
      await writer.commit(
        createUpdate(run, { assignment: runs, step: { ...step, ...(runs < 30 && { pause }) }, lost }),
      );
    }
    const [step] = (await house.store.runs.get(null, run.runId)).steps;
    assert.equal(step!.leftOut, 11);
    const told = step!.attempts.map(({ number, execution, outcome }) => `${number}/${execution}/${outcome}`);
    assert.deepEqual(told.slice(0, 4), ["1/1/SUCCEEDED", "2/2/WORKER_DIED", "3/2/SUCCEEDED", "4/3/SUCCEEDED"]);
    assert.deepEqual([told.length, told.at(-1)], [20, "31/30/SUCCEEDED"]);
    assert.equal(step!.pause, null);
  });
});

describe("attemptsOf", () => {
  const loss = (path: string, number: number): LossRow => ({
    ...{ path, number, assignment: number, runner: "", start_time: null, end_time: 0, loss: "RUNNER_LOST" },
  });

  it("counts what is not told", () => {
    const { attempts, leftOut } = attemptsOf(
      [loss("steps/0", 1), loss("steps/0", 40), loss("steps/0/runs/3", 2)],
      [],
      2,
    );
    assert.deepEqual(
      attempts.map(({ number }) => number),
      [1, 40, 44],
    );
    assert.equal(leftOut, 41);
  });
});
