import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PlatformError } from "../errors.ts";
import { CommitQueue } from "./commit-queue.ts";
import type { Change, CommitOutcome, UpdateChange } from "./record.ts";

function update(runId: string, fields: Partial<UpdateChange> = {}): UpdateChange {
  return {
    ...{ kind: "update", partition: 1, runId, state: "RUNNING", assignment: 1, startTimeMs: null },
    ...{ step: null, wakeTimeMs: null, deaths: 0 },
    ...fields,
  } as UpdateChange;
}

const end = (runId: string): Change => ({
  ...{ kind: "end", partition: 1, runId, state: "CANCELLED", assignment: 1 },
  ...{ startTimeMs: null, endTimeMs: 9, step: null, exitReason: "" },
});

const done: CommitOutcome = { refused: new Set(), accepts: new Map() };

function queueOf(...changes: (Change | null)[]) {
  const queue = new CommitQueue("me", 100);
  const effects: number[] = [];
  changes.forEach((change, index) =>
    queue.add({ partition: 1, epoch: 5, change, effect: () => void effects.push(index) }),
  );
  return { queue, effects };
}

describe("the commit queue", () => {
  it("has one commit in flight; effects run after it, in their order", () => {
    const { queue, effects } = queueOf(update("a"), update("b"), null);
    const batch = queue.next();
    assert.equal(batch?.changes.length, 2);
    assert.equal(queue.next(), undefined);
    assert.deepEqual(effects, []);
    queue.finish(done);
    assert.deepEqual(effects, [0, 1, 2]);
  });

  it("numbers commits, and runs effects without a change at once when nothing is in flight", () => {
    const { queue, effects } = queueOf(null);
    assert.equal(queue.next(), undefined);
    assert.deepEqual(effects, [0]);
    queue.add({ partition: 1, epoch: 5, change: update("a"), effect: () => undefined });
    assert.equal(queue.next()?.number, 1);
  });

  it("makes one change of a mark and what follows it, since a statement touches a row once", () => {
    const { queue, effects } = queueOf(update("a", { startTimeMs: 4 }), end("a"));
    const batch = queue.next();
    assert.deepEqual(
      batch?.changes.map((change) => [change.kind, "startTimeMs" in change ? change.startTimeMs : null]),
      [["end", 4]],
    );
    queue.finish(done);
    assert.deepEqual(effects, [0, 1]);
  });

  it("runs no effect of a refused partition, and names the epoch that was refused", () => {
    const { queue, effects } = queueOf(update("a"));
    queue.next();
    const refused = queue.finish({ ...done, refused: new Set([1]) });
    assert.deepEqual([...refused], [[1, 5]]);
    assert.deepEqual(effects, []);
  });

  it("voids what was decided under an epoch that was lost and taken again", () => {
    const { queue, effects } = queueOf(update("a"));
    queue.add({ partition: 1, epoch: 7, change: update("b"), effect: () => void effects.push(7) });
    const batch = queue.next();
    assert.deepEqual(
      batch?.changes.map(({ runId }) => runId),
      ["b"],
    );
    assert.equal(batch?.epochs.get(1), 7);
    queue.finish(done);
    assert.deepEqual(effects, [7]);
  });

  it("stops the process when the record refuses a change of a known run for good", () => {
    const { queue } = queueOf(update("a"));
    queue.next();
    const failed = new Map([["a", new PlatformError("Internal", "RECORD_REJECTED", "no")]]);
    assert.throws(() => queue.finish({ ...done, failed }), { reason: "INVARIANT_BROKEN" });
  });
});
