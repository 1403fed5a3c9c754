import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { scratchPostgres } from "@millrace/testkit";
import {
  createAccept,
  createEnd,
  createScratchHouse,
  createStep,
  createUpdate,
  MASTER_KEY,
  type ScratchHouse,
} from "../../test/scratch-house.ts";
import { openStore } from "../store.ts";
import { createVault } from "../secrets/vault.ts";
import { backUp, type BackupOptions } from "./back-up.ts";
import { openBackup } from "./backup-format.ts";
import { checkBackup, restore } from "./restore.ts";

async function collect(url: string, options?: BackupOptions): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of backUp(url, options)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** As a file or a pipe brings it: in pieces of any size. */
async function* inPieces(bytes: Buffer, size = 1_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function emptyDatabase(): Promise<string> {
  return (await scratchPostgres()).createDatabase();
}

/** The rows of a backup by table, in no order. */
async function rowsOf(bytes: Buffer): Promise<Record<string, string[]>> {
  const rows: Record<string, string[]> = {};
  const { parts } = await openBackup(inPieces(bytes, 1_000_000));
  for await (const part of parts) (rows[part.table] ??= []).push(...part.rows.toString().trimEnd().split("\n"));
  for (const lines of Object.values(rows)) lines.sort();
  return rows;
}

/** Something of every kind; returns a run that has ended and one that has not. */
async function fill(house: ScratchHouse) {
  const { store, projectId } = house;
  const writer = await house.createWriter([3, 4]);
  const [ended, waiting, old] = [
    createAccept(house.spec, { idempotencyKey: "once" }),
    createAccept(house.spec),
    createAccept(house.spec, { timeMs: Date.now() - 40 * 86_400_000 }),
  ];
  await store.housekeeping.ensureHistoryPartitions(0, Date.now() - 40 * 86_400_000);
  await writer.commit(ended, waiting, old);
  await writer.commit(createEnd(ended, { step: createStep(0, { exportsJson: everyByte() }) }), createEnd(old));
  await writer.commit(createUpdate(waiting, { state: "SUSPENDED", wakeTimeMs: 1_000, step: createStep(0) }));
  const line = { assignment: 1, sequence: 1, timeMs: 1, stream: "stdout", path: "steps/0", text: "tab\tand\\n\nline" };
  await store.logs.insert([{ runId: ended.runId, ...line, stream: "stdout" }]);
  await store.variables.set(projectId, { name: "SECRET", value: "sealed", secret: true });
  const value = { kind: "set", key: "key", value: everyByte(), amount: null, ttl: null } as const;
  await store.dataStores.write(projectId, "store", [value], { bytesMax: 1_000_000 });
  return { ended, waiting };
}

function everyByte(): Buffer {
  return Buffer.from(Array.from({ length: 4_096 }, (_, index) => index & 0xff));
}

describe("a backup", () => {
  it("restored under a new name holds every row of every table as it was, with epochs that no runner has heard of", async () => {
    await using house = await createScratchHouse();
    const { ended, waiting } = await fill(house);
    const bytes = await collect(house.url);
    const url = await emptyDatabase();
    const restored = await restore(url, inPieces(bytes));
    assert.equal(restored.manifest.masterKey, undefined);
    const [before, after] = [await rowsOf(bytes), await rowsOf(await collect(url))];
    assert.ok(["runs", "run_steps", "history_runs", "log_lines", "data_store_records"].every((table) => before[table]));
    assert.deepEqual({ ...after, partitions: [] }, { ...before, partitions: [] });
    const store = await openStore({ url, vault: createVault(MASTER_KEY) });
    const [was] = await house.store.partitions.take([3]);
    const [is] = await store.partitions.take([3]);
    assert.ok(is![1] > was![1] + 1_000, `epoch ${is![1]} behind ${was![1]}`);
    const loaded = await store.variables.load(house.projectId, 0);
    assert.deepEqual(
      loaded?.variables.map(({ value }) => value),
      ["sealed"],
    );
    assert.equal(await store.runs.getState(waiting.runId), "SUSPENDED");
    assert.equal(await store.runs.getState(ended.runId), "SUCCEEDED");
    await store.close();
  });

  it("is of one moment, also while the house goes on", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    let stop = false;
    const going = (async () => {
      while (!stop) {
        const run = createAccept(house.spec);
        await writer.commit(run);
        await writer.commit(createEnd(run, { step: createStep(0) }));
      }
    })();
    for (let round = 0; round < 3; round++) {
      const rows = await rowsOf(await collect(house.url));
      const ids = (table: string): string[] => (rows[table] ?? []).map((row) => row.split("\t")[1]!).sort();
      assert.deepEqual(ids("history_steps"), ids("history_runs"), "a run and its step are in it together");
    }
    stop = true;
    await going;
  });

  it("can leave out history, and a restored house its triggers and its unfinished runs", async () => {
    await using house = await createScratchHouse();
    const { ended, waiting } = await fill(house);
    const url = await emptyDatabase();
    const bytes = await collect(house.url, { withoutHistory: true, masterKey: MASTER_KEY });
    const options = { paused: true, withoutUnfinished: true };
    assert.equal((await restore(url, inPieces(bytes), options)).manifest.masterKey, MASTER_KEY);
    const store = await openStore({ url });
    assert.equal(await store.runs.getState(waiting.runId), undefined);
    assert.equal(await store.runs.getState(ended.runId), undefined);
    const { items } = await store.workflows.list(house.projectId, { pageSize: 10, pageToken: "" });
    assert.deepEqual(
      items.map(({ enabled }) => enabled),
      [false],
    );
    await store.close();
  });

  it("is refused whole when anything of it is missing or another, and leaves the database empty", async () => {
    await using house = await createScratchHouse();
    await fill(house);
    const bytes = await collect(house.url);
    const flipped = Buffer.from(bytes);
    flipped[Math.floor(bytes.length / 2)]! ^= 0xff;
    const bad = [bytes.subarray(0, bytes.length / 2), bytes.subarray(0, -1_536), flipped, Buffer.from("no backup")];
    const url = await emptyDatabase();
    for (const damaged of bad) {
      await assert.rejects(checkBackup(inPieces(damaged)), { reason: "BACKUP_DAMAGED" });
      await assert.rejects(restore(url, inPieces(damaged)), { reason: "BACKUP_DAMAGED" });
    }
    assert.deepEqual((await checkBackup(inPieces(bytes))).rows, (await restore(url, inPieces(bytes))).rows);
    await assert.rejects(restore(url, inPieces(bytes)), { reason: "DATABASE_NOT_EMPTY" });
  });
});
