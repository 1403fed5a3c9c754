import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { runIdDay, type AcceptChange } from "@millrace/core";
import {
  createAccept,
  createDeploy,
  createEnd,
  createScratchHouse,
  createStep,
  waitUntil,
} from "../../test/scratch-house.ts";
import type { ScratchHouse } from "../../test/scratch-house.ts";

const DAY_MS = 86_400_000;
const HOUSE = { days: 30, runs: 0 };

async function createKept() {
  const house = await createScratchHouse();
  const writer = await house.createWriter([3]);
  const now = Date.now();
  const line = { assignment: 1, sequence: 1, timeMs: now, stream: "stdout", path: "", text: "x" } as const;
  return {
    house,
    now,
    /** Accepts a run so many days ago; ends it a second later, or so many days ago, or (null) not at all. */
    add: async (daysAgo: number, endedDaysAgo?: number | null, spec = house.spec): Promise<AcceptChange> => {
      const timeMs = now - daysAgo * DAY_MS;
      await house.store.housekeeping.ensureHistoryPartitions(0, timeMs);
      const run = createAccept(spec, { timeMs });
      await writer.commit(run);
      if (endedDaysAgo !== null) {
        const endTimeMs = endedDaysAgo === undefined ? timeMs + 1000 : now - endedDaysAgo * DAY_MS;
        await writer.commit(createEnd(run, { startTimeMs: timeMs, endTimeMs, step: createStep(0) }));
      }
      await house.store.logs.insert([{ runId: run.runId, ...line }]);
      const owner = { kind: "run", id: run.runId } as const;
      await house.store.objects.write({ projectId: house.projectId, bytesMax: 100, owner }, content());
      return run;
    },
    keep: (daysMax?: number) =>
      house.store.housekeeping.keepHistory({ house: HOUSE, nowMs: now, ...(daysMax && { daysMax }) }),
    /** What is left of a run: its row, its log lines, its large content. */
    left: async ({ runId }: AcceptChange): Promise<[string | undefined, number, number]> => [
      await house.store.runs.getState(runId),
      (await house.store.logs.list(runId)).length,
      await retained(house, runId),
    ],
  };
}

async function* content(): AsyncGenerator<Uint8Array> {
  yield randomBytes(10);
}

async function retained(house: ScratchHouse, runId: string): Promise<number> {
  const client = await house.connect();
  const { rows } = await client.query("SELECT FROM object_retainers WHERE owner_id = $1", [runId]);
  return rows.length;
}

async function partitionsOf(house: ScratchHouse, { runId }: AcceptChange): Promise<number> {
  const client = await house.connect();
  const like = `%${runIdDay(runId).replaceAll("-", "_")}`;
  const { rows } = await client.query("SELECT FROM pg_class WHERE relkind = 'r' AND relname LIKE $1", [like]);
  return rows.length;
}

const WHOLE = ["SUCCEEDED", 1, 1];
const GONE = [undefined, 0, 0];

describe("the retention of history", () => {
  it("drops days in which nothing is kept any more, with steps, logs and large content, and nothing else", async () => {
    const { house, add, keep, left } = await createKept();
    await using _house = house;
    const [old, edge] = [await add(40), await add(30)];
    const { dropped, runs } = await keep();
    const day = runIdDay(old.runId).replaceAll("-", "_");
    for (const table of ["history_runs", "history_steps", "log_lines"]) assert.ok(dropped.includes(`${table}_${day}`));
    assert.deepEqual([await left(old), await left(edge)], [GONE, WHOLE]);
    assert.deepEqual([await partitionsOf(house, old), runs], [0, 0]);
    assert.deepEqual(await keep(), { dropped: [], runs: 0 });
  });

  it("keeps the log of a run that goes on for longer than the retention, and the run when it has ended late", async () => {
    const { house, add, keep, left } = await createKept();
    await using _house = house;
    const [over, paused, late] = [await add(40), await add(40, null), await add(41, 3)];
    assert.equal((await keep()).runs, 1, "its neighbour goes all the same");
    assert.deepEqual([await partitionsOf(house, paused), await partitionsOf(house, late)], [3, 3]);
    assert.deepEqual([await left(over), await left(paused), await left(late)], [GONE, ["PENDING", 1, 1], WHOLE]);
    await house.store.housekeeping.keepHistory({ house: HOUSE, nowMs: Date.now() + 28 * DAY_MS });
    assert.deepEqual([await partitionsOf(house, paused), await partitionsOf(house, late)], [3, 0]);
    assert.deepEqual(await left(late), GONE);
    assert.deepEqual((await left(paused)).slice(0, 2), ["PENDING", 1]);
  });

  it("goes by the workflow, its version, its project and the house, in this order, and by the house's bound", async () => {
    const { house, add, keep, left } = await createKept();
    await using _house = house;
    const client = await house.connect();
    const { workflow } = await house.store.workflows.create(house.projectId, "second");
    const other = (await house.store.workflows.deploy(createDeploy(house.projectId, workflow.id))).workflow.version!
      .spec;
    const [first, second] = [await add(20), await add(20, undefined, other)];
    const states = async () => [(await left(first))[0], (await left(second))[0]];
    await client.query("UPDATE projects SET history_days = 25");
    await keep();
    assert.deepEqual(await states(), ["SUCCEEDED", "SUCCEEDED"]);
    await client.query("UPDATE versions SET history_days = 10 WHERE workflow_id = $1", [workflow.id]);
    await client.query("UPDATE workflows SET history_days = 24 WHERE id = $1", [workflow.id]);
    await keep();
    assert.deepEqual(await states(), ["SUCCEEDED", "SUCCEEDED"], "the workflow's own word comes before its version's");
    await client.query("UPDATE workflows SET history_days = NULL");
    assert.deepEqual(await keep(), { dropped: [], runs: 1 });
    assert.deepEqual(await states(), ["SUCCEEDED", undefined]);
    await keep(5);
    assert.deepEqual([await states(), await partitionsOf(house, first)], [[undefined, undefined], 0]);
  });

  it("keeps the newest so many runs of a workflow, over days", async () => {
    const { house, add, keep, left } = await createKept();
    await using _house = house;
    const client = await house.connect();
    const runs = [];
    for (const daysAgo of [5, 5, 4, 4, 4, 2, 1]) runs.push(await add(daysAgo));
    const paused = await add(6, null);
    await client.query("UPDATE workflows SET history_runs = 4");
    assert.deepEqual(await keep(), { dropped: [], runs: 3 });
    const ids = runs.map(({ runId }) => runId).sort();
    const states = await Promise.all(ids.map((id) => house.store.runs.getState(id)));
    assert.deepEqual(states, [undefined, undefined, undefined, ...Array.from({ length: 4 }, () => "SUCCEEDED")]);
    assert.deepEqual(await left(paused), ["PENDING", 1, 1]);
    assert.deepEqual(await keep(), { dropped: [], runs: 0 });
  });

  it("gives days that were there before a release the indexes that it has added, beside those who write", async () => {
    const { house, add } = await createKept();
    await using _house = house;
    await add(3);
    const client = await house.connect();
    await client.query("DROP INDEX history_runs_late");
    await client.query("CREATE INDEX history_runs_late ON ONLY history_runs (end_time) WHERE state = 'FAILED'");
    const children = async (): Promise<number> => {
      const { rows } = await client.query("SELECT FROM pg_inherits WHERE inhparent = 'history_runs_late'::regclass");
      return rows.length;
    };
    const { housekeeping } = house.store;
    await housekeeping.ensureHistoryPartitions(9);
    assert.equal(await children(), 2, "days that are made from now on have it");
    assert.equal(await housekeeping.buildIndexes(() => true), 0);
    const built = await housekeeping.buildIndexes(() => false);
    const { rows } = await client.query("SELECT FROM pg_inherits WHERE inhparent = 'history_runs'::regclass");
    assert.deepEqual([await children(), built > 5], [rows.length, true]);
    const valid = await client.query(
      "SELECT FROM pg_index WHERE indexrelid = 'history_runs_late'::regclass AND indisvalid",
    );
    assert.equal(valid.rows.length, 1, "nothing is missing any more");
    assert.equal(await housekeeping.buildIndexes(() => false), 0);
  });

  it("ends when it is told, and goes on in the next round", async () => {
    const { house, add } = await createKept();
    await using _house = house;
    await house.store.housekeeping.ensureHistoryPartitions(0);
    await (await house.connect()).query("UPDATE workflows SET history_runs = 1");
    for (let index = 0; index < 3; index++) await add(2);
    const round = (isOver: boolean) => ({ house: HOUSE, pace: { pauseMs: 0, isOver: () => isOver } });
    assert.deepEqual(await house.store.housekeeping.keepHistory(round(true)), { dropped: [], runs: 0 });
    assert.equal((await house.store.housekeeping.keepHistory(round(false))).runs, 2);
  });

  it("removes what a process left behind that died between taking a day out and removing it", async () => {
    const { house, add, keep } = await createKept();
    await using _house = house;
    const old = await add(40);
    const day = `history_steps_${runIdDay(old.runId).replaceAll("-", "_")}`;
    await (await house.connect()).query(`ALTER TABLE history_steps DETACH PARTITION ${day}`);
    await keep();
    assert.equal(await partitionsOf(house, old), 0);
  });

  it("makes and drops days beside a long reader without holding up commits", async () => {
    const { house, add, keep, left } = await createKept();
    await using _house = house;
    const old = await add(40);
    const reader = await house.connect();
    await reader.query("BEGIN; SELECT count(*) FROM history_runs");
    const writer = await house.createWriter([4]);
    let [stop, longestMs, commits] = [false, 0, 0];
    const committing = (async () => {
      while (!stop) {
        const run = createAccept(house.spec, { partition: 4 });
        const startMs = performance.now();
        await writer.commit(run);
        await writer.commit(createEnd(run, { step: createStep(0) }));
        longestMs = Math.max(longestMs, performance.now() - startMs);
        commits += 2;
      }
    })();
    const { housekeeping } = house.store;
    const changing = Promise.all([keep(), housekeeping.ensureHistoryPartitions(20)]);
    const before = commits;
    await waitUntil("commits beside the reader", async () => commits >= before + 400);
    assert.deepEqual([(await left(old))[0], longestMs < 5_000], ["SUCCEEDED", true], `a commit took ${longestMs} ms`);
    await reader.query("COMMIT");
    await changing;
    stop = true;
    await committing;
    assert.deepEqual((await left(old))[0], undefined);
    assert.ok(commits > 20 && longestMs < 5_000, `${commits} commits, the longest took ${longestMs} ms`);
    const { rows } = await (await house.connect()).query("SELECT FROM history_runs_other");
    assert.equal(rows.length, 0);
  });
});
