import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createAccept, createEnd, createScratchHouse, createStep } from "../../test/scratch-house.ts";
import { openStore } from "../store.ts";

const DAY_MS = 86_400_000;

describe("housekeeping", () => {
  it("drops days of history and logs behind the retention, and nothing else", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const now = Date.now();
    const [old, edge, unfinished, waiting] = [40, 30, 40, 90].map((days) =>
      createAccept(house.spec, { timeMs: now - days * DAY_MS }),
    );
    await house.store.housekeeping.ensureHistoryPartitions(0, now - 40 * DAY_MS);
    await house.store.housekeeping.ensureHistoryPartitions(0, now - 30 * DAY_MS);
    await writer.commit(old!, edge!, unfinished!, waiting!);
    await writer.commit(...[old!, edge!, waiting!].map((run) => createEnd(run, { step: createStep(0) })));
    const line = { assignment: 1, sequence: 1, timeMs: now, stream: "stdout", path: "", text: "x" } as const;
    await house.store.logs.insert([old!, edge!, waiting!].map(({ runId }) => ({ runId, ...line })));
    const dropped = await house.store.housekeeping.dropExpired(30, now);
    const day = new Date(now - 40 * DAY_MS).toISOString().slice(0, 10).replaceAll("-", "_");
    assert.ok(dropped.includes(`history_runs_${day}`) && dropped.includes(`log_lines_${day}`));
    const states = await Promise.all(
      [old!, edge!, unfinished!, waiting!].map(({ runId }) => house.store.runs.getState(runId)),
    );
    assert.deepEqual(states, [undefined, "SUCCEEDED", "PENDING", undefined]);
    assert.deepEqual((await house.store.logs.list(edge!.runId)).length, 1);
    assert.deepEqual(await house.store.logs.list(waiting!.runId), []);
    assert.deepEqual(await house.store.housekeeping.dropExpired(30, now), []);
  });

  it("makes and drops days beside commits and readers that never stop", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    let stop = false;
    const reading = (async () => {
      while (!stop) await house.store.runs.list({ projectId: house.projectId });
    })();
    const committing = (async () => {
      while (!stop) {
        const run = createAccept(house.spec);
        await writer.commit(run);
        await writer.commit(createEnd(run, { step: createStep(0) }));
      }
    })();
    const { housekeeping } = house.store;
    await Promise.all([housekeeping.ensureHistoryPartitions(20), housekeeping.ensureHistoryPartitions(20)]);
    await housekeeping.dropExpired(1, Date.now());
    stop = true;
    await Promise.all([reading, committing]);
    const { rows } = await (await house.connect()).query("SELECT FROM history_runs_other");
    assert.equal(rows.length, 0);
  });

  it("forgets schedulers that were not seen for long", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    assert.equal(await house.store.housekeeping.pruneCommitters(), 0);
    await (await house.connect()).query("UPDATE committers SET seen_time = now() - interval '8 days'");
    assert.equal(await house.store.housekeeping.pruneCommitters(), 1);
    const run = createAccept(house.spec);
    assert.deepEqual(
      (await writer.commit(run)).accepts.get(run.runId),
      { kind: "inserted" },
      "one that was only idle goes on",
    );
  });

  it("says what of the server's settings is not safe", async () => {
    await using house = await createScratchHouse();
    assert.deepEqual(await house.store.housekeeping.checkDurability(), []);
    const client = await house.connect();
    await client.query(
      `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$`,
    );
    await using other = await createOther(house.url);
    const findings = await other.store.housekeeping.checkDurability();
    assert.deepEqual(
      findings.map(({ reason, fatal }) => [reason, fatal]),
      [["SYNCHRONOUS_COMMIT_OFF", true]],
    );
  });
});

async function createOther(url: string) {
  const store = await openStore({ url });
  return { store, [Symbol.asyncDispose]: () => store.close() };
}
