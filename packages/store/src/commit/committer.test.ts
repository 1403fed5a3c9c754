import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRunId } from "@millrace/core";
import type pg from "pg";
import {
  createAccept,
  createEnd,
  createScratchHouse,
  createStep,
  createUpdate,
  loadAll,
} from "../../test/scratch-house.ts";

const DAY_MS = 86_400_000;

const NO_ID = "00000000-0000-0000-0000-000000000000";

describe("a commit", () => {
  it("moves earlier steps also of a run whose owner says that there are none", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const [first, second] = [createAccept(house.spec), createAccept(house.spec)];
    await writer.commit(first, second);
    await writer.commit(createUpdate(first, { step: createStep(0) }));
    const ends = [createEnd(first, { step: createStep(1) }), createEnd(second, { step: createStep(0) })];
    const outcome = await writer.commit(...ends.map((end) => ({ ...end, isFirstStep: true })));
    assert.deepEqual([outcome.failed.size, outcome.refused.size], [0, 0]);
    const client = await house.connect();
    const { rows } = await client.query(
      "SELECT run_id, path FROM history_steps WHERE run_id = ANY ($1) ORDER BY run_id = $2, path",
      [[first.runId, second.runId], second.runId],
    );
    assert.deepEqual(rows, [
      { run_id: first.runId, path: "steps/0" },
      { run_id: first.runId, path: "steps/1" },
      { run_id: second.runId, path: "steps/0" },
    ]);
    assert.deepEqual((await client.query("SELECT FROM run_steps")).rowCount, 0);
  });

  it("accepts, updates and ends runs, and moves what has ended to history with its steps in order", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3, 4]);
    const [first, second] = [createAccept(house.spec), createAccept(house.spec, { partition: 4 })];
    const accepted = await writer.commit(first, second);
    assert.deepEqual([...accepted.accepts.values()], [{ kind: "inserted" }, { kind: "inserted" }]);

    const response = {
      status: 201,
      headers: [{ name: "x-a", value: "ü" }],
      body: Uint8Array.of(0, 255),
      immediate: false,
    };
    await writer.commit(
      createUpdate(first, { step: createStep(0, { response }) }),
      createUpdate(second, {
        state: "SUSPENDED",
        assignment: 2,
        wakeTimeMs: 1_800_000_000_000,
        deaths: ["WORKER_DIED"],
      }),
    );
    const { rows } = await loadAll(house, writer.epochs);
    const loaded = new Map(rows.map((row) => [row.runId, row]));
    const { kind: _kind, idempotencyKey: _key, ...asAccepted } = first;
    const step = loaded.get(first.runId)!.steps[0]!;
    assert.deepEqual(loaded.get(first.runId), {
      ...asAccepted,
      input: {
        ...first.input,
        eventJson: Buffer.from(first.input.eventJson),
        contextJson: Buffer.from(first.input.contextJson),
      },
      state: "RUNNING",
      assignment: 1,
      startTimeMs: 1_700_000_000_000,
      wakeTimeMs: null,
      deaths: [],
      steps: [step],
    });
    assert.deepEqual({ ...step.response, body: [...step.response!.body] }, { ...response, body: [0, 255] });
    assert.ok(!loaded.has(second.runId), "a paused run stays where it is");
    const query = new Map([[4, { epoch: writer.epochs.get(4)!, readToMs: 0, readToId: NO_ID }]]);
    const [paused] = (await house.store.partitions.page(query, 1_800_000_000_000, { runsMax: 10, bytesMax: 1e6 })).get(
      4,
    )!.rows;
    const { state, assignment, wakeTimeMs, deaths, startTimeMs } = paused!;
    assert.deepEqual(
      [state, assignment, wakeTimeMs, deaths, startTimeMs],
      ["SUSPENDED", 2, 1_800_000_000_000, ["WORKER_DIED"], 1_700_000_000_000],
    );

    const ended = await writer.commit(createEnd(first, { step: createStep(1) }));
    assert.equal(ended.failed.size, 0);
    const run = await house.store.runs.get(house.projectId, first.runId);
    assert.equal(run.state, "SUCCEEDED");
    assert.deepEqual(
      run.steps.map((item) => [item.path, item.state]),
      [
        ["steps/0", "SUCCEEDED"],
        ["steps/1", "SUCCEEDED"],
      ],
    );
    assert.deepEqual(
      (await loadAll(house, writer.epochs)).rows.map(({ runId }) => runId),
      [],
    );
    const left = await (await house.connect()).query("SELECT 1 FROM run_steps");
    assert.equal(left.rowCount, 0);
  });

  it("keeps the order in which more than ten steps ran, and their assignments", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const run = createAccept(house.spec);
    await writer.commit(run);
    for (let index = 0; index < 12; index++) await writer.commit(createUpdate(run, { step: createStep(index) }));
    const { rows } = await loadAll(house, writer.epochs);
    assert.deepEqual(
      rows[0]!.steps.map(({ path }) => path),
      Array.from({ length: 12 }, (_, index) => `steps/${index}`),
    );
    await writer.commit(createUpdate(run, { assignment: 2 }));
    await writer.commit(createUpdate(run, { state: "SUSPENDED", assignment: 3, step: createStep(12) }));
    await writer.commit(createEnd(run, { assignment: 3, step: createStep(13) }));
    const [status] = await house.store.runs.getStatus([run.runId]);
    assert.equal(status!.steps.at(-1)!.path, "steps/13");
    const { rows: ran } = await (await house.connect()).query("SELECT assignment FROM history_steps ORDER BY ordinal");
    assert.deepEqual(
      ran.map(({ assignment }) => assignment).slice(-3),
      [1, 2, 3],
      "a step belongs to the assignment it ran in",
    );
  });

  it("puts what a run takes over into the record with the run, once, and into history behind its end", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const earlier = createAccept(house.spec);
    const { response: _response, ...step } = createStep(0);
    const taken = { ...step, executionId: "then", takenFrom: earlier.runId, lastLogSequence: 0 };
    const plain = createAccept(house.spec);
    const run = createAccept(house.spec, { takenOver: [taken] });
    const keyed = createAccept(house.spec, { takenOver: [taken], idempotencyKey: "k" });
    const second = createAccept(house.spec, { takenOver: [taken], idempotencyKey: "k", priority: 2 });
    const outcome = await writer.commit(plain, run, keyed, second);
    assert.deepEqual(outcome.accepts.get(second.runId), { kind: "key", runId: keyed.runId });
    await writer.commit({ ...run, sequence: run.sequence + 1_000_000 });
    const { rows } = await loadAll(house, writer.epochs);
    const stepsOf = ({ runId }: { runId: string }) => rows.find((row) => row.runId === runId)?.steps;
    assert.deepEqual(stepsOf(plain), []);
    assert.deepEqual(
      stepsOf(run)!.map(({ path, takenFrom, executionId }) => [path, takenFrom, executionId]),
      [["steps/0", earlier.runId, "then"]],
    );
    assert.equal(stepsOf(keyed)!.length, 1);
    await writer.commit(createEnd(run, { step: createStep(1) }));
    const { steps } = await house.store.runs.get(null, run.runId);
    assert.deepEqual(
      steps.map(({ state, assignment, result }) => [state, assignment, result?.takenFrom]),
      [
        ["SUCCEEDED", 0, earlier.runId],
        ["SUCCEEDED", 1, undefined],
      ],
    );
    const left = await (await house.connect()).query("SELECT DISTINCT run_id FROM run_steps");
    assert.deepEqual(left.rows, [{ run_id: keyed.runId }], "nothing of the one that was not accepted");
  });

  it("refuses the partitions whose epoch has moved and writes the others", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3, 4]);
    await house.createWriter([3]);
    const [lost, kept] = [createAccept(house.spec), createAccept(house.spec, { partition: 4 })];
    const outcome = await writer.commit(lost, kept);
    assert.deepEqual([...outcome.refused], [3]);
    assert.deepEqual([...outcome.accepts], [[kept.runId, { kind: "inserted" }]]);
    assert.equal(await house.store.runs.getState(lost.runId), undefined);
    assert.equal(await house.store.runs.getState(kept.runId), "PENDING");
  });

  it("says of a submit that comes again where its run is, also when it has ended, on another day too", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    for (const timeMs of [Date.now(), Date.now() - 3 * DAY_MS]) {
      const run = createAccept(house.spec, { timeMs });
      await writer.commit(run);
      const again = await writer.commit({ ...run, sequence: run.sequence + 1_000_000 });
      assert.deepEqual(again.accepts.get(run.runId), { kind: "exists", ended: false });
      await writer.commit(createEnd(run));
      const late = await writer.commit({ ...run, sequence: run.sequence + 2_000_000 });
      assert.deepEqual(late.accepts.get(run.runId), { kind: "exists", ended: true });
      assert.deepEqual((await loadAll(house, writer.epochs)).rows, []);
    }
  });

  it("ends a run of yesterday after midnight into yesterday's history, the run of today into today's", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const midnight = Math.floor(Date.now() / DAY_MS) * DAY_MS;
    const [before, after] = [
      createAccept(house.spec, { timeMs: midnight - 1 }),
      createAccept(house.spec, { timeMs: midnight }),
    ];
    await writer.commit(before, after);
    await writer.commit(createUpdate(before, { step: createStep(0) }));
    await writer.commit(createEnd(before, { step: createStep(1) }), createEnd(after, { step: createStep(0) }));
    const client = await house.connect();
    const { rows } = await client.query("SELECT id, tableoid::regclass::text AS name FROM history_runs ORDER BY id");
    const day = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10).replaceAll("-", "_");
    assert.deepEqual(rows, [
      { id: before.runId, name: `history_runs_${day(midnight - 1)}` },
      { id: after.runId, name: `history_runs_${day(midnight)}` },
    ]);
    assert.equal((await house.store.runs.get(null, before.runId)).steps.filter(({ result }) => result).length, 2);
  });

  it("tells of an end or an update that found no run", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const [run, ghost] = [createAccept(house.spec), createAccept(house.spec)];
    await writer.commit(run);
    const outcome = await writer.commit(createEnd(run), createUpdate(ghost, { step: createStep(0) }));
    assert.deepEqual(
      [...outcome.failed].map(([id, { reason }]) => [id, reason]),
      [[ghost.runId, "RUN_NOT_IN_RECORD"]],
    );
    const second = await writer.commit(createEnd(run, { state: "FAILED" }));
    assert.equal(second.failed.get(run.runId)?.reason, "RUN_NOT_IN_RECORD");
  });

  it("tells of a step beside word of a message of the same run, also when it has to look", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const [run, other] = [createAccept(house.spec), createAccept(house.spec)];
    await writer.commit(run, other);
    const delivered = { kind: "delivered", partition: 3, runId: run.runId, id: "start/child" } as const;
    // The second copy of an accept writes nothing, so that the record is asked what became of each change.
    const again = { ...other, sequence: other.sequence + 1 };
    const { failed } = await writer.commit(createUpdate(run, { step: createStep(0) }), delivered, again);
    assert.deepEqual([...failed], []);
  });

  it("holds user data byte by byte, whatever it is", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const odd = Uint8Array.of(0, 0xff, 0xc0, 0x22, 0x5c, 0x7b);
    const run = createAccept(house.spec);
    await writer.commit({ ...run, input: { ...run.input, eventJson: odd } });
    const failure = { cause: "EXCEPTION", type: "KeyError", message: "a\0b\ud800", traceback: "", line: 2 } as const;
    await writer.commit(
      createEnd(run, { state: "FAILED", exitReason: "nul \0", step: createStep(0, { exportsJson: odd, failure }) }),
    );
    const record = await house.store.runs.get(null, run.runId);
    assert.deepEqual([...record.input.eventJson], [...odd]);
    assert.deepEqual([...record.steps[0]!.result!.exportsJson], [...odd]);
    assert.deepEqual(record.steps[0]!.result!.failure, failure);
    assert.equal(record.exitReason, "nul \u2400");
    assert.deepEqual(record.failure, { ...failure, path: "steps/0", step: "fetch" });
  });
});

describe("an idempotency key", () => {
  it("stands for the first run that brought it, in one batch, in later ones and after that run's end", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const accept = () => createAccept(house.spec, { idempotencyKey: "order-7" });
    const [first, second, third, fourth] = [accept(), accept(), accept(), accept()];
    const other = createAccept({ ...house.spec, workflowId: house.spec.versionId }, { idempotencyKey: "order-7" });
    const outcome = await writer.commit(second, first, other);
    assert.deepEqual(outcome.accepts.get(first.runId), { kind: "inserted" }, "the sequence decides, not the place");
    assert.deepEqual(outcome.accepts.get(second.runId), { kind: "key", runId: first.runId });
    assert.deepEqual(outcome.accepts.get(other.runId), { kind: "inserted" });
    assert.deepEqual((await writer.commit(third)).accepts.get(third.runId), { kind: "key", runId: first.runId });
    await writer.commit(createEnd(first));
    assert.deepEqual((await writer.commit(fourth)).accepts.get(fourth.runId), { kind: "key", runId: first.runId });
    assert.deepEqual((await writer.commit(first)).accepts.get(first.runId), { kind: "exists", ended: true });
  });

  it("passes on once it has expired, and is pruned", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3], { keyTtlMs: 0 });
    const accept = () => createAccept(house.spec, { idempotencyKey: "order-7" });
    const [first, second] = [accept(), accept()];
    await writer.commit(first);
    assert.deepEqual((await writer.commit(second)).accepts.get(second.runId), { kind: "inserted" });
    const again = await writer.commit({ ...first, sequence: first.sequence + 1_000_000 });
    assert.deepEqual(again.accepts.get(first.runId), { kind: "exists", ended: false });
    assert.equal(await house.store.housekeeping.pruneKeys(), 1);
  });

  it("has one winner when two connections bring it at the same moment", async () => {
    await using house = await createScratchHouse();
    const [one, two] = [await house.createWriter([3]), await house.createWriter([4])];
    for (let round = 0; round < 25; round++) {
      const key = { idempotencyKey: `key-${round}` };
      const [a, b] = [createAccept(house.spec, key), createAccept(house.spec, { ...key, partition: 4 })];
      const [outcomeA, outcomeB] = await Promise.all([one.commit(a), two.commit(b)]);
      const kinds = [outcomeA.accepts.get(a.runId)!, outcomeB.accepts.get(b.runId)!];
      const winner = kinds[0]!.kind === "inserted" ? a : b;
      assert.deepEqual(kinds.filter(({ kind }) => kind === "inserted").length, 1);
      assert.deepEqual(
        kinds.find(({ kind }) => kind === "key"),
        { kind: "key", runId: winner.runId },
      );
    }
  });
});

describe("a change that cannot be kept", () => {
  it("fails alone when it has no encoding", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const good = createAccept(house.spec);
    const bad = createAccept({ ...house.spec, workflowId: "no id" });
    const long = createAccept(house.spec, { idempotencyKey: "k".repeat(5000) });
    const outcome = await writer.commit(bad, good, long);
    assert.deepEqual([...outcome.accepts.keys()], [good.runId]);
    assert.deepEqual(
      new Map([...outcome.failed].map(([id, { reason }]) => [id, reason])),
      new Map([
        [bad.runId, "INVALID_ID"],
        [long.runId, "INVALID_IDEMPOTENCY_KEY"],
      ]),
    );
  });

  it("fails alone when Postgres refuses it, and the batch's number is used up", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3, 4]);
    const runs = Array.from({ length: 21 }, (_, index) => createAccept(house.spec, { partition: 3 + (index % 2) }));
    await writer.commit(...runs);
    const step = createStep(0);
    await writer.commit(createUpdate(runs[5]!, { step }));
    const batch = writer.batch(
      ...runs.slice(0, 20).map((run, index) => (index === 5 ? createUpdate(run, { step }) : createEnd(run))),
      createUpdate(runs[20]!, { step }),
    );
    for (let copy = 0; copy < 2; copy++) {
      const outcome = await writer.committer.commit(batch);
      if (copy === 0)
        assert.deepEqual(
          [...outcome.failed].map(([id, { reason }]) => [id, reason]),
          [[runs[5]!.runId, "RECORD_REJECTED"]],
        );
      assert.deepEqual(outcome.refused, new Set());
    }
    const { rows } = await loadAll(house, writer.epochs);
    assert.deepEqual(rows.map(({ runId }) => runId).sort(), [runs[5]!.runId, runs[20]!.runId].sort());
    const fresh = createAccept(house.spec);
    assert.deepEqual((await writer.commit(fresh)).accepts.get(fresh.runId), { kind: "inserted" });
  });
});

describe("the plan of a commit", () => {
  it("looks up what it changes, also when statistics were taken while the tables were empty", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const db = await house.connect();
    const create = async () => {
      const runs = Array.from({ length: 2000 }, () => createAccept(house.spec));
      await writer.commit(...runs);
      await writer.commit(...runs.map((run) => createUpdate(run, { step: createStep(0) })));
      return runs;
    };
    await writer.commit(...(await create()).map((run) => createEnd(run)));
    await db.query("ANALYZE");
    const runs = await create();
    await writer.committer.close();
    const before = await readRows(db);

    const again = await house.createWriter([3]);
    for (const run of runs.slice(0, 20)) {
      await again.commit(createUpdate(run, { step: createStep(1) }));
      await again.commit(createEnd(run, { step: createStep(2) }));
    }
    await again.committer.close();
    const read = (await readRows(db)) - before;
    // Each of 40 commits needs the row of its run, and each end two rows of steps.
    assert.ok(read >= 60 && read < 1000, `${read} rows read`);
  });
});

/** Rows of unfinished runs and their steps that were read so far, by connections that are closed. */
async function readRows(db: pg.Client): Promise<number> {
  const { rows } = await db.query<{ read: number }>(
    "SELECT (sum(idx_tup_fetch) + sum(seq_tup_read))::int AS read FROM pg_stat_user_tables WHERE relname IN ('runs', 'run_steps')",
  );
  return rows[0]!.read;
}

describe("run ids of other days", () => {
  it("are accepted and ended even when no partition was made for their day", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const run = createAccept(house.spec, { runId: createRunId(Date.now() + 40 * DAY_MS, new Uint8Array(10)) });
    await writer.commit(run);
    await writer.commit(createEnd(run, { step: createStep(0) }));
    assert.equal((await house.store.runs.get(null, run.runId)).state, "SUCCEEDED");
    await house.store.housekeeping.ensureHistoryPartitions(41);
    assert.equal((await house.store.runs.get(null, run.runId)).steps[0]!.state, "SUCCEEDED");
    const { rows } = await (await house.connect()).query("SELECT FROM history_runs_other");
    assert.equal(rows.length, 0, "the day takes over what waited for it");
  });
});
