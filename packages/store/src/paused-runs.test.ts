import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRunId, type OutboxMessage, type Pause } from "@millrace/core";
import { createAccept, createEnd, createScratchHouse, createStep, createUpdate } from "../test/scratch-house.ts";

const PAUSE: Pause = {
  kind: "SUSPEND",
  wakeTimeMs: 0,
  onTimeout: "CANCEL",
  contextJson: Buffer.from('{"n":"\\u0000"}'),
  maxRetries: 3,
  childNumber: 0,
};
const DAY_MS = 86_400_000;

describe("paused runs", () => {
  it("are read in pages by their wake time, however many there are, and not by a takeover", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const [now, runs] = [Date.now(), Array.from({ length: 7 }, () => createAccept(house.spec))];
    const awake = createAccept(house.spec);
    await writer.commit(...runs, awake);
    const wakeAt = (index: number) => now + Math.floor(index / 2) * 1000;
    await writer.commit(
      ...runs.map((run, index) =>
        createUpdate(run, {
          ...{ state: "SUSPENDED", assignment: 2, wakeTimeMs: wakeAt(index) },
          step: createStep(0, { pause: { ...PAUSE, wakeTimeMs: wakeAt(index) } }),
        }),
      ),
    );
    const found = (await house.store.partitions.load(writer.epochs)).get(3)!;
    assert.deepEqual([found.rows.map(({ runId }) => runId), found.nextWakeMs], [[awake.runId], now]);

    const epoch = writer.epochs.get(3)!;
    const read = async (readToMs: number, untilMs: number) =>
      (await house.store.partitions.page(new Map([[3, { epoch, readToMs }]]), untilMs, 1)).get(3)!;
    const first = await read(0, now + DAY_MS);
    assert.deepEqual(
      first.rows.map(({ runId }) => runId).sort(),
      [runs[0]!.runId, runs[1]!.runId].sort(),
      "both of a moment",
    );
    assert.deepEqual([first.readToMs, first.nextWakeMs], [now, now + 1000]);
    assert.deepEqual(first.rows[0]!.steps[0]!.pause, { ...PAUSE, wakeTimeMs: now });
    const none = await read(now, now + 500);
    assert.deepEqual([none.rows, none.readToMs, none.nextWakeMs], [[], now + 500, now + 1000]);
    const last = await read(now + 2000, now + DAY_MS);
    assert.deepEqual([last.rows.length, last.nextWakeMs], [1, null]);

    await house.store.partitions.take([3]);
    assert.equal((await house.store.partitions.page(new Map([[3, { epoch, readToMs: 0 }]]), now, 1)).size, 0, "moved");
  });

  it("keep each execution of a step, and show the newest with what ended its pause", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const run = createAccept(house.spec);
    const pause: Pause = { ...PAUSE, kind: "RERUN", wakeTimeMs: 1_800_000_000_000 };
    await writer.commit(run);
    const suspend = (path: string, assignment: number) =>
      createUpdate(run, {
        state: "SUSPENDED",
        assignment,
        wakeTimeMs: pause.wakeTimeMs,
        step: createStep(0, { path, pause }),
      });
    await writer.commit(suspend("steps/0", 2));
    await writer.commit(createUpdate(run, { assignment: 3 }));
    await writer.commit(suspend("steps/0/runs/2", 4));
    const resume = { ...createStep(0), path: "steps/0/runs/2/resume", executionId: "request" };
    const unresumed = await house.store.partitions.find(run.runId, "steps/0/runs/2");
    assert.deepEqual(
      [unresumed.state, unresumed.resumedBy, unresumed.paused?.steps.length],
      ["SUSPENDED", undefined, 1],
    );
    await writer.commit(createUpdate(run, { state: "PENDING", assignment: 4, step: resume }));
    const found = await house.store.partitions.find(run.runId, "steps/0/runs/2");
    assert.deepEqual([found.state, found.resumedBy, found.paused], ["PENDING", "request", undefined]);
    assert.equal((await house.store.partitions.find(run.runId, "steps/0")).resumedBy, undefined);

    const [loaded] = (await house.store.partitions.load(writer.epochs)).get(3)!.rows;
    assert.deepEqual(
      loaded!.steps.map(({ path, resumption }) => [path, resumption?.requestId]),
      [["steps/0/runs/2", "request"]],
    );
    await writer.commit(createEnd(run, { assignment: 5, step: createStep(1) }));
    const shown = await house.store.runs.get(house.projectId, run.runId);
    assert.deepEqual(
      shown.steps.map((step) => [step.path, step.runs, step.state]),
      [
        ["steps/0/runs/2", 2, "SUCCEEDED"],
        ["steps/1", 1, "SUCCEEDED"],
      ],
    );
    assert.equal((await house.store.partitions.find(run.runId, "steps/0/runs/2")).resumedBy, "request");
    const missing = await house.store.partitions.find(createRunId(Date.now(), new Uint8Array(10)), "steps/0");
    assert.equal(missing.state, undefined);
  });
});

describe("the outbox", () => {
  it("is written with the change that it follows from, and emptied by the word that it has arrived", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const run = createAccept(house.spec);
    await writer.commit(run);
    const message = (n: number): OutboxMessage => ({
      ...{ id: `cancel/${n}`, partition: 3, runId: run.runId, payload: Buffer.from([0, 255]) },
      body: { kind: "CANCEL", runId: "other", workflowId: "w", reason: "\u0000" },
    });
    await writer.commit(createUpdate(run, { outbox: [message(1), message(2)] }));
    await writer.commit(createEnd(run, { outbox: [message(2), message(3)] }));
    const { outbox } = (await house.store.partitions.load(writer.epochs)).get(3)!;
    assert.deepEqual(outbox, { messages: [message(1), message(2), message(3)], more: false });
    const { failed } = await writer.commit({ kind: "delivered", partition: 3, runId: run.runId, id: "cancel/2" });
    assert.equal(failed.size, 0);
    const rest = await house.store.partitions.readOutbox(3, 1);
    assert.deepEqual([rest.messages.map(({ id }) => id), rest.more], [["cancel/1"], true]);

    const stale = { ...writer.batch({ kind: "delivered", partition: 3, runId: run.runId, id: "cancel/1" }) };
    await house.store.partitions.take([3]);
    assert.deepEqual((await writer.committer.commit(stale)).refused, new Set([3]));
    assert.equal(
      (await house.store.partitions.readOutbox(3, 10)).messages.length,
      2,
      "a former owner takes nothing out",
    );
  });
});
