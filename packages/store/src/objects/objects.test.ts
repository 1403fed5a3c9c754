import assert from "node:assert/strict";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import {
  createAccept,
  createEnd,
  createScratchHouse,
  createStep,
  type ScratchHouse,
} from "../../test/scratch-house.ts";
import { OBJECT_PART_BYTES_MAX, type ObjectOwner } from "./object-records.ts";

const DAY_MS = 86_400_000;
const MIB = 1024 * 1024;
const upload = (): ObjectOwner => ({ kind: "upload", id: randomUUID() });

async function* pieces(content: Buffer, size: number): AsyncIterable<Buffer> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}

async function write(house: ScratchHouse, content: Buffer, owner?: ObjectOwner, id?: string) {
  const { projectId } = house;
  return house.store.objects.write(
    { projectId, bytesMax: 64 * MIB, ...(owner && { owner }), ...(id && { id }) },
    pieces(content, 100_000),
  );
}

async function read(house: ScratchHouse, id: string, range?: { start: number; end: number }): Promise<Buffer> {
  const read: Buffer[] = [];
  for await (const piece of house.store.objects.read(id, range)) read.push(piece);
  return Buffer.concat(read);
}

async function chunkCount(house: ScratchHouse): Promise<number> {
  const { rows } = await (await house.connect()).query<{ count: number }>("SELECT count(*)::int FROM object_chunks");
  return rows[0]!.count;
}

describe("an object", () => {
  it("gives back what was written, whole and in ranges", async () => {
    await using house = await createScratchHouse();
    const content = randomBytes(3 * MIB + 17);
    const { id, size, sha256, projectId } = await write(house, content, upload());
    const hash = createHash("sha256").update(content).digest("hex");
    assert.deepEqual([size, sha256, projectId], [content.length, hash, house.projectId]);
    assert.deepEqual(await house.store.objects.get(house.projectId, id), {
      ...(await house.store.objects.get(house.projectId, id)),
      ...{ id, size, sha256 },
    });
    assert.ok((await read(house, id)).equals(content));
    const ranges = [
      [0, 1],
      [MIB - 1, MIB + 1],
      [MIB, 2 * MIB],
      [5, 3 * MIB + 3],
      [3 * MIB, 9 * MIB],
      [7, 7],
    ] as const;
    for (const [start, end] of ranges) {
      assert.ok((await read(house, id, { start, end })).equals(content.subarray(start, end)), `${start}–${end}`);
    }
    const empty = await write(house, Buffer.alloc(0), upload());
    assert.deepEqual([empty.size, (await read(house, empty.id)).length], [0, 0]);
  });

  it("larger than its bound leaves nothing behind", async () => {
    await using house = await createScratchHouse();
    const { projectId } = house;
    const content = pieces(randomBytes(3 * MIB), 50_000);
    const writing = house.store.objects.write({ projectId, bytesMax: 2 * MIB, owner: upload() }, content);
    await assert.rejects(writing, { kind: "InvalidArgument", reason: "OBJECT_TOO_LARGE" });
    assert.equal(await chunkCount(house), 0);
  });

  it("is nothing before it is whole, and nothing to another project", async () => {
    await using house = await createScratchHouse();
    const { projectId, store } = house;
    const { objects } = store;
    const [id, content] = [randomUUID(), randomBytes(600_000)];
    const half = content.length / 2;
    const sha256 = createHash("sha256").update(content).digest("hex");
    const end = { projectId, id, size: content.length, sha256, owner: upload() };
    await objects.writePart({ projectId, id, position: half, content: content.subarray(half) });
    await assert.rejects(objects.finish(end), { reason: "OBJECT_INCOMPLETE" });
    await assert.rejects(objects.get(projectId, id), { reason: "OBJECT_NOT_FOUND" });
    await assert.rejects(read(house, id), { reason: "OBJECT_NOT_FOUND" });
    const other = await store.projects.ensure("other");
    await objects.writePart({ projectId: other.id, id, position: 0, content: randomBytes(half) });
    await objects.writePart({ projectId, id, position: 0, content: content.subarray(0, half) });
    await objects.writePart({ projectId, id, position: 0, content: content.subarray(0, half) });
    await assert.rejects(objects.finish({ ...end, projectId: other.id }), { reason: "OBJECT_INCOMPLETE" });
    await objects.finish(end);
    await objects.finish(end);
    await objects.writePart({ projectId, id, position: content.length, content: randomBytes(9) });
    assert.ok((await read(house, id)).equals(content));
    await assert.rejects(objects.get(other.id, id), { reason: "OBJECT_NOT_FOUND" });
    await assert.rejects(objects.retain(other.id, upload(), [id]), { reason: "OBJECT_NOT_FOUND" });
  });

  it("refuses parts and owners that make no sense", async () => {
    await using house = await createScratchHouse();
    const { projectId } = house;
    const { objects } = house.store;
    const part = { projectId, id: randomUUID(), position: 0 };
    for (const content of [Buffer.alloc(0), Buffer.alloc(OBJECT_PART_BYTES_MAX + 1)]) {
      await assert.rejects(objects.writePart({ ...part, content }), { reason: "INVALID_PART" });
    }
    const made = await write(house, randomBytes(10), upload());
    await assert.rejects(objects.retain(projectId, { kind: "run", id: "no run" }, [made.id]), {
      reason: "INVALID_RUN_ID",
    });
    await assert.rejects(objects.retain(projectId, upload(), [made.id, "no id"]), { reason: "OBJECT_NOT_FOUND" });
    await assert.rejects(objects.get(projectId, "no id"), { reason: "OBJECT_NOT_FOUND" });
  });

  it("lives as long as anybody retains it", async () => {
    await using house = await createScratchHouse();
    const { projectId, store } = house;
    const { objects, housekeeping } = store;
    const [first, second] = [upload(), upload()];
    const kept = await write(house, randomBytes(2 * MIB), first);
    const loose = await write(house, randomBytes(10));
    await objects.retain(projectId, second, [kept.id]);
    assert.equal(await housekeeping.collectObjects(3_600_000), 0, "the grace is not over");
    assert.equal(await housekeeping.collectObjects(0), 1);
    await assert.rejects(read(house, loose.id), { reason: "OBJECT_NOT_FOUND" });
    await Promise.all([objects.release(first), objects.release(second, [kept.id])]);
    assert.deepEqual(await Promise.all([first, second].map((owner) => objects.isRetained(owner, kept.id))), [
      false,
      false,
    ]);
    assert.equal(await housekeeping.collectObjects(0), 1);
    assert.equal(await chunkCount(house), 0);
  });

  it("is collected in statements of bounded size, however large it is", async () => {
    await using house = await createScratchHouse();
    const client = await house.connect();
    const { id } = await write(house, randomBytes(10));
    await client.query("INSERT INTO object_chunks SELECT $1, n, 'x' FROM generate_series(10, 500) n", [id]);
    const other = await write(house, randomBytes(10), upload());
    await client.query(`
      CREATE FUNCTION refuse_many() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF (SELECT count(*) FROM gone) > 200 THEN RAISE 'too many rows for one statement'; END IF;
        RETURN NULL;
      END $$;
      CREATE TRIGGER few AFTER DELETE ON object_chunks REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_many()`);
    assert.equal(await house.store.housekeeping.collectObjects(0), 1);
    assert.equal(await chunkCount(house), 1);
    assert.equal((await read(house, other.id)).length, 10);
  });

  it("is removed without a look at all that could refer to one", async () => {
    await using house = await createScratchHouse();
    const { rows } = await (
      await house.connect()
    ).query<{ name: string }>(
      `SELECT conrelid::regclass::text AS name FROM pg_constraint c WHERE contype = 'f' AND confrelid = 'objects'::regclass
         AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])`,
    );
    assert.deepEqual(rows, []);
  });

  it("half-written is collected, but not while its content still comes", async () => {
    await using house = await createScratchHouse();
    const { projectId, store } = house;
    const part = { projectId, id: randomUUID(), content: randomBytes(10) };
    await store.objects.writePart({ ...part, position: 0 });
    const client = await house.connect();
    await client.query("UPDATE objects SET unretained_time = now() - interval '2 hours'");
    await store.objects.writePart({ ...part, position: 10 });
    assert.equal(await store.housekeeping.collectObjects(3_600_000), 0);
    await client.query("UPDATE objects SET unretained_time = now() - interval '2 hours'");
    assert.equal(await store.housekeeping.collectObjects(3_600_000), 1);
  });

  it("goes with the retention of its run, and at once with a run that nobody accepted", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const { housekeeping } = house.store;
    const now = Date.now();
    const [old, young, unfinished, never] = [40, 1, 40, 1].map((days) =>
      createAccept(house.spec, { timeMs: now - days * DAY_MS }),
    );
    await writer.commit(old!, young!, unfinished!);
    await writer.commit(...[old!, young!].map((run) => createEnd(run, { step: createStep(0) })));
    const made: string[] = [];
    for (const { runId } of [old!, young!, unfinished!, never!]) {
      for (const kind of ["run", "tmp"] as const)
        made.push((await write(house, randomBytes(10), { kind, id: runId })).id);
    }
    const left = async (): Promise<boolean[]> =>
      Promise.all(made.map(async (id) => (await read(house, id).catch(() => undefined)) !== undefined));
    await housekeeping.collectObjects(3_600_000);
    assert.deepEqual(
      await left(),
      made.map(() => true),
      "nobody looks at what is new",
    );
    await housekeeping.collectObjects(0);
    const [kept, gone] = [true, false];
    assert.deepEqual(await left(), [kept, gone, kept, gone, kept, kept, gone, gone]);
    await housekeeping.keepHistory({ house: { days: 30, runs: 0 } });
    await housekeeping.collectObjects(0);
    assert.deepEqual(await left(), [gone, gone, kept, gone, kept, kept, gone, gone]);
  });
});
