import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRunId, type LoadedRun, type OutboxMessage, type OutboxQuery, type Pause } from "@millrace/core";
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

const BEGINNING = { readToMs: 0, readToId: "00000000-0000-0000-0000-000000000000" };
const LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff";
const ONE = { runsMax: 1, bytesMax: 1e6 };

function bytesOf({ input, steps }: LoadedRun): number {
  const inSteps = steps.map((step) => step.exportsJson.length + (step.returnValueJson?.length ?? 0));
  return inSteps.reduce((sum, bytes) => sum + bytes, input.eventJson.length + input.contextJson.length);
}

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
    const read = async (place: { readToMs: number; readToId: string }, untilMs: number, bounds = ONE) =>
      (await house.store.partitions.page(new Map([[3, { epoch, ...place }]]), untilMs, bounds)).get(3)!;
    const first = await read(BEGINNING, now + DAY_MS);
    const second = await read(first, now + DAY_MS);
    const firstTwo = [runs[0]!.runId, runs[1]!.runId].sort();
    assert.deepEqual(
      [...first.rows, ...second.rows].map(({ runId }) => runId),
      firstTwo,
      "a page ends between two of one moment",
    );
    assert.deepEqual([first.readToMs, first.readToId, first.nextWakeMs], [now, firstTwo[0], now]);
    assert.deepEqual([second.readToMs, second.nextWakeMs], [now, now + 1000]);
    assert.deepEqual(first.rows[0]!.steps[0]!.pause, { ...PAUSE, wakeTimeMs: now });
    const none = await read(second, now + 500);
    assert.deepEqual([none.rows, none.readToMs, none.nextWakeMs], [[], now + 500, now + 1000]);
    const last = await read({ readToMs: now + 2000, readToId: LAST_ID }, now + DAY_MS);
    assert.deepEqual([last.rows.length, last.nextWakeMs], [1, null]);
    const bounded = await read(BEGINNING, now + DAY_MS, { runsMax: 10, bytesMax: bytesOf(first.rows[0]!) * 3 });
    assert.deepEqual([bounded.rows.length, bounded.nextWakeMs], [3, now + 1000], "bounded by bytes, steps included");

    await house.store.partitions.take([3]);
    assert.equal(
      (await house.store.partitions.page(new Map([[3, { epoch, ...BEGINNING }]]), now, ONE)).size,
      0,
      "moved",
    );
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
      [unresumed.state, unresumed.resumedBy, unresumed.resting?.steps.length],
      ["SUSPENDED", undefined, 1],
    );
    await writer.commit(createUpdate(run, { state: "PENDING", assignment: 4, step: resume }));
    const found = await house.store.partitions.find(run.runId, "steps/0/runs/2");
    assert.deepEqual([found.state, found.resumedBy, found.resting], ["PENDING", "request", undefined]);
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
      ...{ id: `cancel/${n}`, target: "start/w", sequence: n, partition: 3, runId: run.runId },
      payload: Buffer.from([0, 255]),
      body: { kind: "CANCEL", runId: "other", workflowId: "w", reason: "\u0000" },
    });
    await writer.commit(createUpdate(run, { outbox: [message(1), message(2)] }));
    await writer.commit(createEnd(run, { outbox: [message(2), message(3)] }));
    const { outbox } = (await house.store.partitions.load(writer.epochs)).get(3)!;
    assert.deepEqual(outbox, { names: ["start/w"], more: false });
    const read = async (given: Partial<OutboxQuery> = {}) => {
      const about = { partition: 3, epoch: writer.epochs.get(3)!, target: "start/w", after: 0 };
      return (await house.store.partitions.readOutbox([{ ...about, messagesMax: 10, bytesMax: 100, ...given }]))[0];
    };
    assert.deepEqual(await read(), { messages: [message(1), message(2), message(3)], more: false });
    assert.deepEqual((await read({ after: 1, bytesMax: 1 }))?.messages, [message(2)], "one, whatever its size");
    assert.equal(await read({ epoch: 0 }), undefined, "moved");
    const { failed } = await writer.commit({ kind: "delivered", partition: 3, runId: run.runId, id: "cancel/2" });
    assert.equal(failed.size, 0);
    const rest = await read({ messagesMax: 1 });
    assert.deepEqual([rest?.messages.map(({ id }) => id), rest?.more], [["cancel/1"], true]);
    assert.deepEqual(await house.store.partitions.readOutboxTargets(3, "start/w", 10), { names: [], more: false });

    const stale = { ...writer.batch({ kind: "delivered", partition: 3, runId: run.runId, id: "cancel/1" }) };
    await house.store.partitions.take([3]);
    assert.deepEqual((await writer.committer.commit(stale)).refused, new Set([3]));
    const kept = await read({ epoch: writer.epochs.get(3)! + 1 });
    assert.equal(kept?.messages.length, 2, "a former owner takes nothing out");
  });
});
