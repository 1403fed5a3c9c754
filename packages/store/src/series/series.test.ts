import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AcceptChange } from "@millrace/core";
import { createRunId } from "@millrace/core";
import {
  createAccept,
  createEnd,
  createScratchHouse,
  type ScratchHouse,
  type Writer,
} from "../../test/scratch-house.ts";
import { quantileMs } from "./histogram.ts";
import { SERIES_LEVELS, type HouseSample, type RunInterval, type SeriesScope } from "./series-records.ts";

const MINUTE_MS = 60_000;
const NOBODY: HouseSample = { runners: [], schedulers: [] };
/** Some full hour of today, so that all intervals begin in it. */
const HOUR = Math.floor(Date.now() / 3_600_000) * 3_600_000;

interface Ran {
  readonly acceptMs: number;
  readonly waitMs?: number;
  readonly tookMs?: number;
  readonly state?: "SUCCEEDED" | "FAILED" | "CANCELLED";
  readonly triggerKind?: string;
}

/** A run that was accepted at a time of the hour and, unless it goes on, has ended. */
async function run(house: ScratchHouse, writer: Writer, ran: Ran): Promise<AcceptChange> {
  const createTimeMs = HOUR + ran.acceptMs;
  const bytes = crypto.getRandomValues(new Uint8Array(10));
  const accept = createAccept(house.spec, { runId: createRunId(createTimeMs, bytes) });
  const { triggerKind = "http", waitMs = 0, tookMs, state = "SUCCEEDED" } = ran;
  const run = { ...accept, input: { ...accept.input, createTimeMs, triggerKind } };
  await writer.commit(run);
  if (tookMs === undefined) return run;
  const startTimeMs = createTimeMs + waitMs;
  await writer.commit(createEnd(run, { state, startTimeMs, endTimeMs: startTimeMs + tookMs }));
  return run;
}

async function read(
  house: ScratchHouse,
  level = 0,
  scope: SeriesScope = { kind: "project" },
  projectId = house.projectId,
) {
  const range = { startMs: HOUR - 2 * 3_600_000, endMs: HOUR + 4 * 3_600_000 };
  return house.store.series.read({ projectId, scope, level: SERIES_LEVELS[level]!, ...range, poolsMax: 40 });
}

const shown = ({ timeMs, accepted, succeeded, failed, cancelled }: RunInterval) =>
  [(timeMs - HOUR) / 1000, accepted, succeeded, failed, cancelled] as const;

describe("series of runs", () => {
  it("count each run in the interval in which it was accepted, and in that in which it ended", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const { series } = house.store;
    await series.keep(HOUR, NOBODY);
    await run(house, writer, { acceptMs: 1_000, waitMs: 200, tookMs: 100 });
    await run(house, writer, { acceptMs: 9_999, waitMs: 100, tookMs: 5_000, state: "FAILED" });
    await run(house, writer, { acceptMs: 12_000, tookMs: 1, state: "CANCELLED" });
    await run(house, writer, { acceptMs: 12_000, tookMs: 1, triggerKind: "test" });
    await run(house, writer, { acceptMs: 13_000 });
    assert.equal(await series.keep(HOUR + 31_000, NOBODY), true);
    assert.equal(await series.keep(HOUR + 32_000, NOBODY), false, "that is counted already");
    const all = await read(house);
    assert.equal(all.countedUntilMs, HOUR + 30_000);
    assert.deepEqual(all.runs.map(shown).slice(-3), [
      [0, 2, 1, 0, 0],
      [10, 2, 0, 1, 1],
      [20, 0, 0, 0, 0],
    ]);
    const first = all.runs.at(-3)!;
    assert.ok(Math.abs(quantileMs(first.durations, 0.5)! / 100 - 1) < 0.05, `${quantileMs(first.durations, 0.5)} ms`);
    assert.ok(Math.abs(quantileMs(first.waits, 0.99)! / 200 - 1) < 0.05, `${quantileMs(first.waits, 0.99)} ms`);
    const workflow = await read(house, 0, { kind: "workflow", name: house.spec.workflowId });
    assert.deepEqual(workflow.runs.map(shown).slice(-3), all.runs.map(shown).slice(-3));
    const pool = await read(house, 0, { kind: "pool", name: "default" });
    assert.deepEqual(pool.runs.map(shown).slice(-3), all.runs.map(shown).slice(-3));
    const other = await house.store.projects.ensure("other");
    const others = await read(house, 0, { kind: "project" }, other.id);
    assert.deepEqual(others.runs.map(shown).at(-3), [0, 0, 0, 0, 0], "nothing of another project");
  });

  it("count what is committed late once more, and never less than before", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const { series } = house.store;
    await series.keep(HOUR, NOBODY);
    const early = await run(house, writer, { acceptMs: 1_000, tookMs: 1_000 });
    await series.keep(HOUR + 11_000, NOBODY);
    await run(house, writer, { acceptMs: 1_000, tookMs: 2_000 });
    await (await house.connect()).query("DELETE FROM history_runs WHERE id = $1", [early.runId]);
    await series.keep(HOUR + 21_000, NOBODY);
    assert.deepEqual((await read(house)).runs.map(shown).at(-2), [0, 1, 1, 0, 0], "as many as were seen at once");
    // What comes much later than it ended is found when a quarter of an hour is over.
    await series.keep(HOUR + 51_000, NOBODY);
    await run(house, writer, { acceptMs: 2_000, tookMs: 2_000 });
    await run(house, writer, { acceptMs: 3_000, tookMs: 2_000 });
    await series.keep(HOUR + 61_000, NOBODY);
    assert.deepEqual(
      (await read(house)).runs.map(shown).find(([time]) => time === 0),
      [0, 1, 1, 0, 0],
    );
    await series.keep(HOUR + 15 * MINUTE_MS + 1_000, NOBODY);
    assert.deepEqual(
      (await read(house)).runs.map(shown).find(([time]) => time === 0),
      [0, 3, 3, 0, 0],
    );
  });

  it("are there for every length of time from the first count on", async () => {
    await using house = await createScratchHouse();
    await house.store.series.keep(HOUR + 13 * MINUTE_MS, NOBODY);
    for (const level of SERIES_LEVELS.keys()) {
      assert.equal((await read(house, level)).countedUntilMs, HOUR + 13 * MINUTE_MS, `level ${level}`);
    }
  });

  it("leave out the time in which nobody counted, and add up in longer intervals", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const { series } = house.store;
    for (let second = 0; second <= 60; second += 10) {
      await run(house, writer, { acceptMs: second * 1_000, tookMs: 10 + second });
      await series.keep(HOUR + second * 1_000 + 9_900, NOBODY);
    }
    await series.keep(HOUR + 70_000, NOBODY);
    // The house is down for three minutes.
    for (let second = 260; second <= 300; second += 10) await series.keep(HOUR + second * 1_000, NOBODY);
    const fine = (await read(house)).runs
      .filter(({ timeMs }) => timeMs >= HOUR)
      .map(({ timeMs }) => (timeMs - HOUR) / 1_000);
    assert.deepEqual(fine, [0, 10, 20, 30, 40, 50, 60, 250, 260, 270, 280, 290]);
    const minutes = (await read(house, 1)).runs.filter(({ timeMs }) => timeMs >= HOUR);
    assert.deepEqual(minutes.map(shown), [
      [0, 6, 6, 0, 0],
      [60, 1, 1, 0, 0],
      [240, 0, 0, 0, 0],
    ]);
    const [quarter] = (await read(house, 2)).runs.filter(({ timeMs }) => timeMs >= HOUR);
    assert.deepEqual(shown(quarter!), [0, 7, 7, 0, 0]);
    const median = quantileMs(quarter!.durations, 0.5)!;
    assert.ok(Math.abs(median / 40 - 1) < 0.05, `${median} ms, of 10, 20, … 70 ms`);
  });

  it("find a run that took days by the time of its end", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    await house.store.series.keep(HOUR, NOBODY);
    await run(house, writer, { acceptMs: -3 * 86_400_000, tookMs: 3 * 86_400_000 + 5_000 });
    await house.store.series.keep(HOUR + 11_000, NOBODY);
    assert.deepEqual((await read(house)).runs.map(shown).at(-1), [0, 0, 1, 0, 0]);
  });
});

describe("series of pools", () => {
  const runner = (name: string, busy: number, coldStarts: number, incarnation = "1") => ({
    ...{ runner: name, incarnation, pool: "default", slots: 4, busy, warm: 1, memoryBytes: 1_000 * busy, coldStarts },
  });
  const waiting = (count: number, oldestWaitMs: number) => [{ pool: "default", waiting: count, oldestWaitMs }];

  it("are means and the most of what was seen, and sums of what counters have grown by", async () => {
    await using house = await createScratchHouse();
    const { series } = house.store;
    const both = ["one", "two"];
    await series.keep(HOUR, { runners: [runner("a", 0, 5)], schedulers: [] });
    await series.report("one", waiting(3, 200));
    await series.report("two", waiting(1, 900));
    await series.keep(HOUR + 10_000, { runners: [runner("a", 2, 7), runner("b", 1, 3)], schedulers: both });
    await series.report("one", waiting(10, 300));
    await series.report("two", []);
    await series.keep(HOUR + 20_000, { runners: [runner("a", 4, 7), runner("b", 0, 1, "2")], schedulers: both });
    await series.keep(HOUR + 60_000, { runners: [runner("a", 0, 9)], schedulers: [...both, "silent"] });
    const { pools } = await read(house, 1);
    assert.deepEqual(
      pools.map(({ pool, runner: name }) => [pool, name]),
      [
        ["default", ""],
        ["default", "a"],
        ["default", "b"],
      ],
    );
    const [whole] = pools[0]!.points.filter(({ timeMs }) => timeMs === HOUR);
    assert.deepEqual(whole, {
      ...{ timeMs: HOUR, slots: 20 / 3, busy: 7 / 3, warm: 5 / 3, runners: 5 / 3, memoryBytesMax: 4_000 },
      ...{ coldStarts: 2 + 3 + 1 + 2, waiting: 7, waitingMax: 10, oldestWaitMsMax: 900 },
    });
    assert.equal(pools[1]!.points.at(-1)!.coldStarts, 4);
    const fine = (await read(house)).pools[0]!.points.find(({ timeMs }) => timeMs === HOUR + 50_000);
    assert.equal(fine!.waiting, undefined, "what nobody could say");
  });
});
