import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { PlatformError, type AcceptChange } from "@millrace/core";
import {
  createAccept,
  createEnd,
  createScratchHouse,
  createUpdate,
  waitForLockWaiters,
  waitUntil,
  type ScratchHouse,
} from "../../test/scratch-house.ts";
import type { DataStoreOperation, WriteOrigin } from "./data-store-records.ts";

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const plain = { value: null, amount: null, ttl: null };

function set(key: string, value: unknown, ttl: number | null = null): DataStoreOperation {
  return { ...plain, kind: "set", key, value: json(value), ttl };
}
function check(key: string, value: unknown): DataStoreOperation {
  return { ...plain, kind: "check", key, value: value === undefined ? null : json(value) };
}
function increment(key: string, amount = "1", ttl = -1): DataStoreOperation {
  return { ...plain, kind: "increment", key, amount, ttl };
}
function append(key: string, text: string): DataStoreOperation {
  return { ...plain, kind: "append", key, value: Buffer.from(text), ttl: -1 };
}
const insert = (key: string, value: unknown): DataStoreOperation => ({ ...set(key, value), kind: "insert" });
const remove = (key: string): DataStoreOperation => ({ ...plain, kind: "delete", key });
const expire = (key: string, ttl: number | null): DataStoreOperation => ({ ...plain, kind: "expire", key, ttl });

interface Shelf {
  readonly write: (...operations: DataStoreOperation[]) => Promise<unknown[]>;
  readonly all: (prefix?: string) => Promise<Record<string, unknown>>;
}

const BYTES_MAX = 10_000_000;

function shelf({ store: { dataStores }, projectId }: ScratchHouse, name = "crm", bytesMax = BYTES_MAX): Shelf {
  const decode = (value: Uint8Array | null) => value && (JSON.parse(Buffer.from(value).toString()) as unknown);
  return {
    write: async (...operations) => {
      const results = await dataStores.write(projectId, name, operations, { bytesMax });
      return results.map((value) => (value?.[0] === 1 ? true : decode(value)));
    },
    all: async (prefix = "") => {
      const page = await dataStores.entries(projectId, name, { prefix, after: "", limit: 1000 });
      return Object.fromEntries(page.items.map(({ key, value }) => [key, decode(value)]));
    },
  };
}

const refused = (reason: string) => (thrown: unknown) => thrown instanceof PlatformError && thrown.reason === reason;

/** A run in the record, at assignment 1. */
async function acceptRun(house: ScratchHouse) {
  const writer = await house.createWriter([3]);
  const run = createAccept(house.spec);
  await writer.commit(run);
  return { run, writer };
}

function originOf(run: AcceptChange, number: number, operations: readonly DataStoreOperation[], assignment = 1) {
  const text = JSON.stringify(
    operations.map((one) => ({ ...one, value: one.value && Buffer.from(one.value).toString() })),
  );
  const digest = createHash("sha256").update(text).digest();
  return { runId: run.runId, assignment, path: "steps/0", execution: 1, number, digest } satisfies WriteOrigin;
}

describe("a data store", () => {
  it("is made by the first write, holds JSON as it was written, and knows what it holds", async () => {
    await using house = await createScratchHouse();
    const { dataStores } = house.store;
    const { write, all } = shelf(house);
    assert.deepEqual([await all(), await dataStores.list(house.projectId)], [{}, []]);
    assert.deepEqual(await write(set("a", 1), set("b\0ü", { x: [1.5] }), set("c", "gone"), remove("c")), [
      null,
      null,
      null,
      "gone",
    ]);
    assert.deepEqual(await all(), { a: 1, "b\0ü": { x: [1.5] } });
    const [listed] = await dataStores.list(house.projectId);
    assert.deepEqual([listed!.name, listed!.records, listed!.bytes], ["crm", 2, 1 + 1 + 4 + 11]);
    assert.equal(await dataStores.count(house.projectId, "crm"), 2);
    await dataStores.remove(house.projectId, "crm");
    await assert.rejects(dataStores.remove(house.projectId, "crm"), refused("DATA_STORE_NOT_FOUND"));
  });

  it("adds, appends and inserts in one step each", async () => {
    await using house = await createScratchHouse();
    const { write, all } = shelf(house);
    assert.deepEqual(await write(increment("n"), increment("n", "0.1"), increment("n", "0.2")), [1, 1.1, 1.3]);
    await write(append("l", "1"), append("l", '"a",[2]'), set("empty", []), append("empty", "null"));
    assert.deepEqual(await write(insert("i", 1), insert("i", 2), insert("null", null), insert("null", 3)), [
      null,
      1,
      null,
      null,
    ]);
    assert.deepEqual(await all(), { n: 1.3, l: [1, "a", [2]], empty: [null], i: 1, null: null });
    await assert.rejects(write(increment("l")), refused("NOT_A_NUMBER"));
    await assert.rejects(write(set("huge", 1), increment("huge", "1e1200")), refused("NOT_A_NUMBER"));
    await assert.rejects(write(append("n", "1")), refused("NOT_A_LIST"));
    assert.equal((await all())["huge"], undefined, "a write that is refused changes nothing");
  });

  it("writes all of a transaction when its checks hold, else nothing", async () => {
    await using house = await createScratchHouse();
    const { write, all } = shelf(house);
    await write(set("a", { x: 1, y: 2 }), set("odd", "\u0000"));
    await write(check("a", { y: 2, x: 1 }), check("none", undefined), check("odd", "\u0000"), set("none", 1));
    await assert.rejects(write(check("a", { x: 1 }), set("b", 1)), refused("DATA_STORE_CONFLICT"));
    await assert.rejects(write(check("none", undefined), set("b", 1)), refused("DATA_STORE_CONFLICT"));
    await assert.rejects(write(check("b", null)), refused("DATA_STORE_CONFLICT"));
    await write(set("null", null), check("null", undefined), remove("null"));
    assert.deepEqual(Object.keys(await all()).sort(), ["a", "none", "odd"]);
  });

  it("lets only one of many claim a key that nobody has, and loses no increment", async () => {
    await using house = await createScratchHouse();
    const { write, all } = shelf(house);
    const claims = Array.from({ length: 40 }, (_, n) =>
      write(check("lock", undefined), set("lock", n)).then(
        () => "had",
        (error: PlatformError) => error.reason,
      ),
    );
    const sums = Array.from({ length: 200 }, () => write(increment("n"), increment("m")));
    const outcomes = await Promise.all(claims);
    assert.deepEqual(
      outcomes.filter((one) => one !== "DATA_STORE_CONFLICT"),
      ["had"],
    );
    const seen = (await Promise.all(sums)).map(([n]) => Number(n)).sort((a, b) => a - b);
    assert.deepEqual(
      seen,
      Array.from({ length: 200 }, (_, n) => n + 1),
    );
    const { n, m } = await all();
    assert.deepEqual([n, m], [200, 200]);
  });

  it("shows nothing that has expired, and collects it", async () => {
    await using house = await createScratchHouse();
    const { dataStores, housekeeping } = house.store;
    const { write, all } = shelf(house);
    await write(set("short", 1, 1), set("long", 2, 1000), set("n", 5, 1), set("kept", 1, 1));
    assert.deepEqual(await write(expire("kept", null), expire("none", 5)), [true, null]);
    await waitUntil("the end of the records", async () => {
      const { short, n } = await all();
      return short === undefined && n === undefined;
    });
    assert.deepEqual(await all(), { long: 2, kept: 1 });
    assert.equal(await dataStores.count(house.projectId, "crm"), 2);
    assert.deepEqual((await dataStores.read(house.projectId, "crm", ["short", "long"])).items.length, 1);
    assert.deepEqual(
      await write(increment("n", "1", 1000), increment("n", "1", 0), expire("short", 9), remove("short")),
      [1, 2, null, null],
    );
    assert.deepEqual(await all(), { long: 2, kept: 1, n: 2 }, "the time of an increment is for a record that is new");
    await write(set("gone", 1, 0));
    assert.equal(await housekeeping.collectDataStores(), 1);
    const [listed] = await dataStores.list(house.projectId);
    assert.deepEqual([listed!.records, listed!.bytes], [3, "long2kept1n2".length]);
  });

  it("is bounded in the size of its values and as a whole", async () => {
    await using house = await createScratchHouse();
    const { write } = shelf(house, "small", 3_000);
    await write(set("a", "x".repeat(2_000)));
    await assert.rejects(write(set("b", "x".repeat(2_000))), refused("STORE_FULL"));
    await write(set("a", "y".repeat(1_000)), set("b", "x".repeat(1_000)));
    const mebibyte = Buffer.alloc(1024 * 1024 - 1, "1");
    const { write: writeLarge } = shelf(house, "large");
    await writeLarge({
      ...set("a", 1),
      value: Buffer.concat([Buffer.from("["), mebibyte.subarray(1), Buffer.from("]")]),
    });
    await assert.rejects(writeLarge(append("a", "1")), refused("VALUE_TOO_LARGE"));
  });

  it("brings no more at once than an answer holds", async () => {
    await using house = await createScratchHouse();
    const { write, all } = shelf(house);
    await write(set("a", "x".repeat(600_000)), set("b", "x".repeat(600_000)));
    await assert.rejects(write(remove("a"), remove("b")), refused("RESULTS_TOO_LARGE"));
    await assert.rejects(write(insert("a", 1), remove("b")), refused("RESULTS_TOO_LARGE"));
    assert.deepEqual(Object.keys(await all()), ["a"], "the first page of what is still there");
    await write(remove("a"));
    await write(remove("b"));
    assert.deepEqual(await all(), {});
  });

  it("is read in pages, by prefix and bounded in bytes, and stays right while it is written", async () => {
    await using house = await createScratchHouse();
    const { dataStores } = house.store;
    const { projectId } = house;
    const { write } = shelf(house);
    await write(
      ...["a", "b1", "b2", "b\u{10ffff}", "c"].map((key) => set(key, key)),
      set("big", "x".repeat(600_000)),
      set("bigger", "x".repeat(600_000)),
    );
    const scan = { prefix: "b", after: "", limit: 2 };
    assert.deepEqual(await dataStores.keys(projectId, "crm", scan), { items: ["b1", "b2"], more: true });
    await write(remove("b2"), set("b3", 1));
    const rest = await dataStores.keys(projectId, "crm", { ...scan, after: "b2", limit: 9 });
    assert.deepEqual(rest, { items: ["b3", "big", "bigger", "b\u{10ffff}"], more: false });
    const entries = await dataStores.entries(projectId, "crm", { prefix: "", after: "b3", limit: 9 });
    assert.deepEqual([entries.items.map(({ key }) => key), entries.more], [["big"], true]);
    const read = await dataStores.read(projectId, "crm", ["bigger", "none", "big", "a"]);
    assert.deepEqual([read.items.map(({ key }) => key), read.more], [["a", "big"], true]);
  });

  it("is emptied in pages, whatever is written behind them", async () => {
    await using house = await createScratchHouse();
    const { dataStores } = house.store;
    const { write, all } = shelf(house);
    const keys = Array.from({ length: 1500 }, (_, n) => `k${String(n).padStart(5, "0")}`);
    await write(...keys.slice(0, 800).map((key) => set(key, 1)));
    await write(...keys.slice(800).map((key) => set(key, 1)));
    const last = await dataStores.clear(house.projectId, "crm", "");
    assert.equal(last, "k00999");
    await write(set("a", 1));
    assert.equal(await dataStores.clear(house.projectId, "crm", last!), "k01499");
    assert.equal(await dataStores.clear(house.projectId, "crm", "k01499"), undefined);
    assert.deepEqual(await all(), { a: 1 });
    assert.equal(await dataStores.count(house.projectId, "crm"), 1);
  });

  it("belongs to its project alone", async () => {
    await using house = await createScratchHouse();
    const { write, all } = shelf(house);
    await write(set("a", 1));
    const other = await house.store.projects.ensure("other");
    assert.deepEqual(await shelf({ ...house, projectId: other.id }).all(), {});
    assert.deepEqual(await all(), { a: 1 });
  });
});

describe("a run's writes", () => {
  const options = (origin: WriteOrigin) => ({ bytesMax: BYTES_MAX, origin });

  it("bring the same again in a second copy, and change nothing", async () => {
    await using house = await createScratchHouse();
    const { run } = await acceptRun(house);
    const { dataStores } = house.store;
    const operations = [increment("n"), remove("none"), set("s", 1)];
    const copies = Array.from({ length: 8 }, () =>
      dataStores.write(house.projectId, "crm", operations, options(originOf(run, 1, operations))),
    );
    for (const results of await Promise.all(copies)) {
      assert.deepEqual(
        results.map((value) => value && Buffer.from(value).toString()),
        ["1", null, null],
      );
    }
    assert.deepEqual(await shelf(house).all(), { n: 1, s: 1 });
    const other = [increment("n", "2")];
    await assert.rejects(
      dataStores.write(house.projectId, "crm", other, options(originOf(run, 1, other))),
      refused("OPERATION_REUSED"),
    );
  });

  it("are made once also when the step is run again, until it does something else", async () => {
    await using house = await createScratchHouse();
    const { run, writer } = await acceptRun(house);
    const { dataStores } = house.store;
    const write = (number: number, assignment: number, ...operations: DataStoreOperation[]) =>
      dataStores.write(house.projectId, "crm", operations, options(originOf(run, number, operations, assignment)));
    await write(1, 1, increment("n"));
    await write(2, 1, increment("n"));
    await write(3, 1, increment("n"));
    await writer.commit(createUpdate(run, { assignment: 2 }));
    assert.equal(Buffer.from((await write(1, 2, increment("n")))[0]!).toString(), "1");
    await write(2, 2, set("else", 1));
    await write(3, 2, increment("n"));
    await write(3, 2, increment("n"));
    assert.deepEqual(await shelf(house).all(), { n: 4, else: 1 });
  });

  it("that claim something for a time claim it anew when that has passed", async () => {
    await using house = await createScratchHouse();
    const { run, writer } = await acceptRun(house);
    const { dataStores } = house.store;
    const { write: writeElsewhere, all } = shelf(house);
    const claim = [check("lock", undefined), set("lock", "mine", 1000)];
    const write = (assignment: number) =>
      dataStores.write(house.projectId, "crm", claim, options(originOf(run, 1, claim, assignment)));
    await write(1);
    await writer.commit(createUpdate(run, { assignment: 2 }));
    await write(2);
    await writeElsewhere(set("lock", "theirs"));
    await writer.commit(createUpdate(run, { assignment: 3 }));
    await assert.rejects(write(3), refused("DATA_STORE_CONFLICT"));
    assert.deepEqual(await all(), { lock: "theirs" });
  });

  it("are refused once the run is over or has another assignment", async () => {
    await using house = await createScratchHouse();
    const { run, writer } = await acceptRun(house);
    const { dataStores } = house.store;
    const write = (number: number, assignment: number) => {
      const operations = [increment("n")];
      return dataStores.write(
        house.projectId,
        "crm",
        operations,
        options(originOf(run, number, operations, assignment)),
      );
    };
    await write(1, 1);
    await writer.commit(createUpdate(run, { assignment: 2 }));
    await assert.rejects(write(2, 1), refused("ASSIGNMENT_STALE"));
    await assert.rejects(
      dataStores.clear(house.projectId, "crm", "", { ...run, assignment: 1 }),
      refused("ASSIGNMENT_STALE"),
    );
    await write(2, 2);
    await writer.commit(createEnd(run, { assignment: 2 }));
    await assert.rejects(write(3, 2), refused("ASSIGNMENT_STALE"));
    assert.deepEqual(await shelf(house).all(), { n: 2 });
  });

  it("and a new assignment exclude each other: one that has passed the fence is seen by all that follows", async () => {
    await using house = await createScratchHouse();
    const { run, writer } = await acceptRun(house);
    const { dataStores } = house.store;
    const client = await house.connect();
    // Stands still between the fence and the end of the statement.
    await client.query(`
      CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON data_store_records DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION hold();
      SELECT pg_advisory_lock(4711)`);
    const operations = [increment("n")];
    const written = dataStores.write(house.projectId, "crm", operations, options(originOf(run, 1, operations)));
    await waitForLockWaiters(client, 1);
    let assigned = false;
    const commit = writer.commit(createUpdate(run, { assignment: 2 })).then(() => (assigned = true));
    await waitForLockWaiters(client, 2);
    assert.equal(assigned, false, "the next assignment waits for the write");
    await client.query("SELECT pg_advisory_unlock(4711)");
    await written;
    await commit;
    assert.deepEqual(await shelf(house).all(), { n: 1 });
  });

  it("are forgotten some time after the run", async () => {
    await using house = await createScratchHouse();
    const { run, writer } = await acceptRun(house);
    const operations = [increment("n")];
    const { dataStores, housekeeping } = house.store;
    await dataStores.write(house.projectId, "crm", operations, options(originOf(run, 1, operations)));
    const client = await house.connect();
    await client.query("UPDATE data_store_operations SET create_time = now() - interval '1 day'");
    assert.equal(await housekeeping.collectDataStores(), 0);
    await writer.commit(createEnd(run));
    assert.equal(await housekeeping.collectDataStores(), 1);
  });
});
