import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PlatformError, type CommitBatch } from "@millrace/core";
import type pg from "pg";
import {
  createAccept,
  createEnd,
  createScratchHouse,
  createStep,
  createUpdate,
  loadAll,
  type ScratchHouse,
  waitForLockWaiters,
  waitUntil,
} from "../../test/scratch-house.ts";
import { typeParsers } from "../type-parsers.ts";
import { readRowTypeIds } from "./columns.ts";
import { createCommitQuery } from "./rows.ts";
import type { StatementResult } from "./statement.ts";

const HOLD = 4711;

/** Makes every insert of a run wait as long as the returned function has not been called: a commit stands still half-way. */
async function holdInserts(house: ScratchHouse): Promise<{ client: pg.Client; release: () => Promise<void> }> {
  const client = await house.connect();
  await client.query(`
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_advisory_xact_lock_shared(${HOLD}); RETURN new; END $$;
    CREATE TRIGGER hold BEFORE INSERT ON runs FOR EACH ROW EXECUTE FUNCTION hold();
    SELECT pg_advisory_lock(${HOLD})`);
  return { client, release: async () => void (await client.query("SELECT pg_advisory_unlock($1)", [HOLD])) };
}

/** Sends a commit over a connection of its own; `change` may break its statement. */
async function sendCopy(
  house: ScratchHouse,
  batch: CommitBatch,
  change = (text: string): string => text,
): Promise<StatementResult> {
  const client = await house.connect({ types: typeParsers, options: "-c millrace.key_ttl=1000s" });
  const { query } = createCommitQuery(batch, batch.changes, false, await readRowTypeIds(client));
  const { rows } = await client.query<StatementResult>(change(query.text), query.values);
  return rows[0]!;
}

function isUnavailable(thrown: unknown): boolean {
  return thrown instanceof PlatformError && thrown.kind === "Unavailable" && thrown.reason === "RECORD_UNAVAILABLE";
}

describe("the fence of a commit", () => {
  it("makes a takeover wait for the commit that holds it, so that the new owner reads all of it", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const { client, release } = await holdInserts(house);
    const run = createAccept(house.spec);
    const committed = writer.commit(run);
    await waitForLockWaiters(client, 1);
    let taken = false;
    const take = house.store.partitions.take([3]).then((epochs) => ((taken = true), epochs));
    await waitForLockWaiters(client, 2);
    assert.equal(taken, false);
    await release();
    assert.deepEqual((await committed).accepts.get(run.runId), { kind: "inserted" });
    const { rows, moved } = await loadAll(house, await take);
    assert.deepEqual([rows.map(({ runId }) => runId), moved], [[run.runId], new Set()]);
  });

  it("would be none if the epoch were only read: two owners would write", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const { client, release } = await holdInserts(house);
    const run = createAccept(house.spec);
    const late = sendCopy(house, writer.batch(run), (text) => {
      assert.ok(text.includes("FOR SHARE OF p"));
      return text.replace("FOR SHARE OF p", "");
    });
    await waitForLockWaiters(client, 1);
    const { rows } = await loadAll(house, await house.store.partitions.take([3]));
    assert.deepEqual(rows, [], "the new owner has read the partition");
    await release();
    assert.equal((await late).accepted, 1, "and the old owner writes it afterwards");
  });

  it("refuses a commit that waited for a takeover", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3, 4]);
    const taker = await house.connect();
    await taker.query("BEGIN; UPDATE partitions SET epoch = epoch + 1 WHERE partition = 3");
    const [lost, kept] = [createAccept(house.spec), createAccept(house.spec, { partition: 4 })];
    const committed = writer.commit(lost, kept);
    await waitForLockWaiters(await house.connect(), 1);
    await taker.query("COMMIT");
    const outcome = await committed;
    assert.deepEqual([...outcome.refused], [3]);
    assert.deepEqual([...outcome.accepts.keys()], [kept.runId]);
    assert.equal(await house.store.runs.getState(lost.runId), undefined);
  });

  it("never makes commits and takeovers wait in a circle", async () => {
    await using house = await createScratchHouse();
    const all = Array.from({ length: 16 }, (_, partition) => partition);
    const writer = await house.createWriter(all);
    let stop = false;
    const takeovers = (async () => {
      for (let round = 0; round < 40; round++) await house.store.partitions.take(round % 2 ? all : all.toReversed());
      stop = true;
    })();
    let commits = 0;
    while (!stop) {
      const changes = (commits++ % 2 ? all : all.toReversed()).map((partition) =>
        createAccept(house.spec, { partition }),
      );
      await writer.commit(...changes);
    }
    await takeovers;
  });
});

describe("a takeover", () => {
  it("would miss runs if it loaded in a snapshot from before its wait", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const { client, release } = await holdInserts(house);
    const run = createAccept(house.spec);
    const committed = writer.commit(run);
    await waitForLockWaiters(client, 1);
    const loader = await house.connect();
    const old = loader.query(
      `WITH taken AS (UPDATE partitions SET epoch = epoch + 1 WHERE partition = 3 RETURNING partition)
       SELECT r.id FROM taken LEFT JOIN runs r USING (partition)`,
    );
    await waitForLockWaiters(client, 2);
    await release();
    await committed;
    assert.deepEqual((await old).rows, [{ id: null }], "one statement, one snapshot: the run is not in it");
    const { rows } = await loadAll(house, await house.store.partitions.take([3]));
    assert.deepEqual(
      rows.map(({ runId }) => runId),
      [run.runId],
    );
  });

  it("loads nothing of a partition that another took meanwhile", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3, 4]);
    const [lost, kept] = [createAccept(house.spec), createAccept(house.spec, { partition: 4 })];
    await writer.commit(lost, kept);
    await house.store.partitions.take([3]);
    const { rows, moved } = await loadAll(house, writer.epochs);
    assert.deepEqual([rows.map(({ runId }) => runId), moved], [[kept.runId], new Set([3])]);
  });

  it("gives each of two takers an epoch of its own", async () => {
    await using house = await createScratchHouse();
    const taken = await Promise.all(Array.from({ length: 8 }, () => house.store.partitions.take([3])));
    assert.deepEqual(
      taken.map((epochs) => epochs.get(3)!).sort((a, b) => a - b),
      [1, 2, 3, 4, 5, 6, 7, 8],
    );
  });

  it("refuses a scheduler's name that has committed before, since its numbers would start again", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    await house.store.partitions.registerCommitter(writer.name);
    await writer.commit(createAccept(house.spec));
    await assert.rejects(house.store.partitions.registerCommitter(writer.name), { reason: "COMMITTER_EXISTS" });
  });
});

describe("a commit that is repeated", () => {
  it("changes nothing and returns the same outcomes", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3, 4]);
    const [known, ended, owner] = [
      createAccept(house.spec),
      createAccept(house.spec),
      createAccept(house.spec, { idempotencyKey: "k" }),
    ];
    await writer.commit(known, ended, owner);
    await writer.commit(createEnd(ended));
    await house.store.partitions.take([4]);
    const batch = writer.batch(
      createAccept(house.spec),
      { ...known, sequence: known.sequence + 1e6 },
      { ...ended, sequence: ended.sequence + 1e6 },
      createAccept(house.spec, { idempotencyKey: "k" }),
      createAccept(house.spec, { partition: 4 }),
    );
    const first = await writer.committer.commit(batch);
    assert.deepEqual(
      [...first.accepts.values()].map(({ kind }) => kind),
      ["inserted", "exists", "exists", "key"],
    );
    assert.deepEqual(first.refused, new Set([4]));
    assert.deepEqual(await writer.committer.commit(batch), first);
    const step = writer.batch(createUpdate(known, { step: createStep(0) }), createEnd(owner));
    const second = await writer.committer.commit(step);
    assert.deepEqual(await writer.committer.commit(step), second);
    assert.equal(second.failed.size, 0);
  });

  it("waits for a first copy that is still running", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const { client, release } = await holdInserts(house);
    const [plain, keyed] = [createAccept(house.spec), createAccept(house.spec, { idempotencyKey: "k" })];
    const batch = writer.batch(plain, keyed);
    const first = sendCopy(house, batch);
    await waitForLockWaiters(client, 1);
    const second = writer.committer.commit(batch);
    await waitForLockWaiters(client, 2);
    await release();
    assert.deepEqual([(await first).fresh, (await first).accepted], [true, 2]);
    assert.deepEqual([...(await second).accepts.values()], [{ kind: "inserted" }, { kind: "inserted" }]);
    const { rows } = await client.query("SELECT FROM runs");
    assert.equal(rows.length, 2);
  });

  it("makes a first copy void that arrives last", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const run = createAccept(house.spec);
    const first = writer.batch(run);
    await writer.committer.commit(first);
    await writer.commit(createEnd(run));
    const { fresh, accepted } = await sendCopy(house, first);
    assert.deepEqual([fresh, accepted], [false, 0]);
    assert.equal(await house.store.runs.getState(run.runId), "SUCCEEDED");
  });

  it("succeeds after the connection was killed half-way", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const { client, release } = await holdInserts(house);
    const run = createAccept(house.spec);
    const batch = writer.batch(run);
    const killed = assert.rejects(writer.committer.commit(batch), isUnavailable);
    await waitForLockWaiters(client, 1);
    await client.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'millrace commit' AND datname = current_database()",
    );
    await killed;
    assert.equal(await house.store.runs.getState(run.runId), undefined);
    await release();
    assert.deepEqual((await writer.committer.commit(batch)).accepts.get(run.runId), { kind: "inserted" });
  });

  it("succeeds after the database took too long", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3], { statementTimeoutMs: 300 });
    const { release } = await holdInserts(house);
    const run = createAccept(house.spec);
    const batch = writer.batch(run);
    await assert.rejects(writer.committer.commit(batch), isUnavailable);
    await release();
    let outcome;
    await waitUntil("the commit", async () => {
      outcome = await writer.committer.commit(batch).catch(() => undefined);
      return outcome !== undefined;
    });
    assert.deepEqual(outcome!.accepts.get(run.runId), { kind: "inserted" });
  });
});
