import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import { createAccept, createEnd, createScratchHouse, waitUntil, type ScratchHouse } from "../../test/scratch-house.ts";
import type { DataStoreOperation } from "../data-stores/data-store-records.ts";
import { openStore } from "../store.ts";

const KIB = 1024;

async function* pieces(count: number, size = 100 * KIB): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index++) yield randomBytes(size);
}

function set(key: string, bytes: number): DataStoreOperation {
  return { kind: "set", key, value: Buffer.from(JSON.stringify("x".repeat(bytes - 2))), amount: null, ttl: -1 };
}

async function openBounded(house: ScratchHouse, storageBytesMax: number) {
  const store = await openStore({ url: house.url, storageBytesMax });
  return { store, [Symbol.asyncDispose]: () => store.close() };
}

describe("the account of what a project stores", () => {
  it("counts content as it comes and goes, unfinished content, data stores and remembered writes", async () => {
    await using house = await createScratchHouse();
    const { projectId, store } = house;
    const usage = async (): Promise<number[]> => {
      const { objectBytes, dataStoreBytes, rememberedBytes, totalBytes } = await store.storage.usage(projectId);
      assert.equal(totalBytes, objectBytes + dataStoreBytes + rememberedBytes);
      return [objectBytes, dataStoreBytes, rememberedBytes];
    };
    assert.deepEqual(await usage(), [0, 0, 0]);
    const kept = await store.objects.write({ projectId, bytesMax: 10 * KIB ** 2 }, pieces(7));
    assert.deepEqual(await usage(), [700 * KIB, 0, 0]);
    await store.objects.writePart({ projectId, id: randomUUID(), position: 0, content: randomBytes(10) });
    assert.deepEqual(await usage(), [700 * KIB + 10, 0, 0], "unfinished");
    const tooLarge = store.objects.write({ projectId, bytesMax: 600 * KIB }, pieces(8));
    await assert.rejects(tooLarge, { reason: "OBJECT_TOO_LARGE" });
    assert.deepEqual(await usage(), [700 * KIB + 10, 0, 0], "given up");
    await store.dataStores.write(projectId, "s", [set("k", 4_000)], { bytesMax: 1e9 });
    assert.deepEqual(await usage(), [700 * KIB + 10, 4_001, 0]);
    const writer = await house.createWriter([3]);
    const run = createAccept(house.spec);
    await writer.commit(run);
    const origin = {
      runId: run.runId,
      assignment: 1,
      path: "steps/0",
      execution: 1,
      number: 1,
      digest: randomBytes(32),
    };
    const remove: DataStoreOperation = { kind: "delete", key: "k", value: null, amount: null, ttl: -1 };
    await store.dataStores.write(projectId, "s", [remove], { bytesMax: 1e9, origin });
    const [, stored, remembered] = await usage();
    assert.ok(stored === 0 && remembered! > 4_000 && remembered! < 4_200, `${stored} and ${remembered} bytes`);
    await writer.commit(createEnd(run));
    const client = await house.connect();
    await client.query("UPDATE data_store_operations SET create_time = now() - interval '2 minutes'");
    await store.objects.release({ kind: "upload", id: kept.id });
    await store.housekeeping.collectObjects(0);
    assert.equal(await store.housekeeping.collectDataStores(), 1);
    assert.deepEqual(await usage(), [0, 0, 0]);
  });

  it("puts right what was counted wrong, beside those who write", async () => {
    await using house = await createScratchHouse();
    const { projectId, store } = house;
    const client = await house.connect();
    let stop = false;
    const writing = (async () => {
      while (!stop) await store.objects.write({ projectId, bytesMax: KIB ** 2 }, pieces(1, KIB));
    })();
    await client.query("INSERT INTO storage_usage VALUES ($1, 15, 5000, -70)", [projectId]);
    const counting = (async () => {
      for (let round = 0; round < 5; round++) await store.housekeeping.recountStorage();
    })().finally(() => (stop = true));
    await Promise.all([counting, writing]);
    const { rows } = await client.query<{ bytes: number }>(
      "SELECT sum(octet_length(content))::int AS bytes FROM object_chunks",
    );
    const { objectBytes, rememberedBytes } = await store.storage.usage(projectId);
    assert.deepEqual([objectBytes, rememberedBytes], [rows[0]!.bytes, 0]);
    assert.equal(await store.housekeeping.recountStorage(), 0);
  });

  it("refuses what a project has no room for, says so, and takes it again when there is room", async () => {
    await using house = await createScratchHouse();
    await using bounded = await openBounded(house, 1000 * KIB);
    const { projectId } = house;
    const { objects, dataStores, storage, housekeeping } = bounded.store;
    const bytesMax = 10 * KIB ** 2;
    const other = await house.store.projects.ensure("other");
    await objects.write({ projectId, bytesMax }, pieces(6));
    const full = { kind: "ResourceExhausted", reason: "STORAGE_FULL" };
    await assert.rejects(objects.write({ projectId, bytesMax }, pieces(60)), full);
    await dataStores.write(projectId, "s", [set("k", 400 * KIB - 1)], { bytesMax });
    // What was stored counts once it has been looked at again.
    await waitUntil("a full project", () =>
      dataStores.write(projectId, "s", [set("j", 400)], { bytesMax }).then(
        () => false,
        () => true,
      ),
    );
    await assert.rejects(dataStores.write(projectId, "s", [set("j", 400)], { bytesMax }), full);
    await assert.rejects(
      objects.writePart({ projectId, id: randomUUID(), position: 0, content: randomBytes(10) }),
      full,
    );
    await objects.write({ projectId: other.id, bytesMax }, pieces(6));
    const remove: DataStoreOperation = { kind: "delete", key: "k", value: null, amount: null, ttl: -1 };
    await dataStores.write(projectId, "s", [remove], { bytesMax });
    await dataStores.write(projectId, "s", [set("j", 400)], { bytesMax });
    await storage.setLimit(projectId, 500 * KIB);
    assert.equal((await storage.usage(projectId)).limitBytes, 500 * KIB);
    await assert.rejects(dataStores.write(projectId, "s", [set("i", 400)], { bytesMax }), full);
    await housekeeping.collectObjects(0);
    await dataStores.write(projectId, "s", [set("i", 400)], { bytesMax });
    await storage.setLimit(projectId, 5000 * KIB);
    assert.equal((await storage.usage(projectId)).limitBytes, 1000 * KIB, "the house bounds what a project says");
  });
});

describe("what is remembered of data store writes", () => {
  it("goes run by run, whatever the number of writes and of runs that go on, and in rounds", async () => {
    await using house = await createScratchHouse();
    const client = await house.connect();
    const writer = await house.createWriter([3]);
    const runs = Array.from({ length: 30 }, (_, index) =>
      createAccept(house.spec, { timeMs: Date.now() - index * 1000 }),
    );
    await writer.commit(...runs);
    for (const { runId } of runs) {
      await client.query(
        `INSERT INTO data_store_operations (run_id, path, execution, number, assignment, digest, results, create_time)
         SELECT $1, 'steps/0', 1, n, 1, '', '{}', now() - interval '2 minutes' FROM generate_series(1, 40) n`,
        [runId],
      );
    }
    await writer.commit(...runs.slice(0, 20).map((run) => createEnd(run)));
    assert.equal(await house.store.housekeeping.collectDataStores(), 800);
    assert.equal(await house.store.housekeeping.collectDataStores(), 0);
    const { rows } = await client.query("SELECT DISTINCT run_id FROM data_store_operations");
    assert.equal(rows.length, 10);
  });
});
