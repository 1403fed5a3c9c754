import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PlatformError } from "@millrace/core";
import { createAccept, createScratchHouse, waitUntil } from "../../test/scratch-house.ts";
import { openStore } from "../store.ts";

describe("housekeeping", () => {
  it("lets rounds of several processes not overlap, and goes on when one has died in its round", async () => {
    await using house = await createScratchHouse();
    await using second = await createOther(house.url);
    const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const first = house.store.housekeeping.alone(() => {
      begun.resolve();
      return end.promise;
    });
    await begun.promise;
    assert.equal(await second.store.housekeeping.alone(async () => 1), undefined);
    end.resolve();
    await first;
    assert.equal(await second.store.housekeeping.alone(async () => 2), 2);
    await assert.rejects(
      second.store.housekeeping.alone(() => Promise.reject(new PlatformError("Internal", "X", "x"))),
    );
    assert.equal(await house.store.housekeeping.alone(async () => 3), 3, "a round that failed holds nothing");
    const client = await house.connect();
    const { promise: round, resolve: endRound } = Promise.withResolvers<void>();
    const dying = house.store.housekeeping.alone(() => round);
    await waitUntil("its lock", async () => {
      const { rows } = await client.query("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'");
      return rows.length > 0;
    });
    assert.equal(await second.store.housekeeping.alone(async () => 4), 4, "what has died holds nothing");
    endRound();
    await assert.rejects(dying);
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
