import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { createAccept, createScratchHouse, type ScratchHouse } from "../../test/scratch-house.ts";
import type { FileBounds, FileEntry } from "./file-records.ts";

const BOUNDS: FileBounds = { bytesMax: 1_000_000, filesMax: 1_000 };

let house: ScratchHouse;
before(async () => {
  house = await createScratchHouse();
});
after(() => house[Symbol.asyncDispose]());

async function object(text: string, projectId = house.projectId): Promise<string> {
  async function* content(): AsyncIterable<Uint8Array> {
    yield Buffer.from(text);
  }
  return (await house.store.objects.write({ projectId, bytesMax: 1_000_000 }, content())).id;
}

async function project(): Promise<string> {
  return (await house.store.projects.ensure(randomUUID())).id;
}

async function save(projectId: string, path: string, text = path, bounds = BOUNDS) {
  const objectId = await object(text, projectId);
  return house.store.files.save({ projectId, path, objectId, contentType: "text/plain", bounds });
}

async function retainedBy(objectId: string): Promise<number> {
  const { rows } = await (
    await house.connect()
  ).query<{ count: number }>("SELECT count(*)::int FROM object_retainers WHERE object_id = $1", [objectId]);
  return rows[0]!.count;
}

describe("a file", () => {
  it("is told of with the run that has written it, until somebody else writes or deletes it", async () => {
    const writer = await house.createWriter([3]);
    const run = createAccept(house.spec);
    await writer.commit(run);
    const by = { runId: run.runId, assignment: 1 };
    const write = async (path: string, author?: typeof by) => {
      const given = { projectId: house.projectId, path, contentType: "text/plain", bounds: BOUNDS };
      return house.store.files.save({ ...given, objectId: await object(path) }, author);
    };
    const paths = async (limit = 10): Promise<string[]> =>
      (await house.store.files.listWritten(house.projectId, run.runId, limit)).map(({ path }) => path);
    for (const path of ["b", "a", "c"]) await write(path, by);
    assert.deepEqual(
      [await paths(), await paths(2)],
      [
        ["a", "b", "c"],
        ["a", "b"],
      ],
    );
    await write("a");
    await house.store.files.delete(house.projectId, "b");
    assert.deepEqual(await paths(), ["c"]);
    // As a release writes it that does not know of writers.
    await (await house.connect()).query("UPDATE files SET object_id = $1 WHERE path = 'c'", [await object("other")]);
    assert.deepEqual(await paths(), []);
    assert.deepEqual(await house.store.files.listWritten(await project(), run.runId, 10), []);
  });

  it("is what was saved last, and lets go of what it was before", async () => {
    const projectId = await project();
    const first = await save(projectId, "a/b.txt", "one");
    const second = await save(projectId, "a/b.txt", "three");
    assert.deepEqual(await house.store.files.get(projectId, "a/b.txt"), second);
    assert.deepEqual([second.size, second.createTimeMs], [5, first.createTimeMs]);
    assert.deepEqual([await retainedBy(first.objectId), await retainedBy(second.objectId)], [0, 1]);
    assert.equal(await house.store.files.delete(projectId, "a/b.txt"), true);
    assert.equal(await house.store.files.delete(projectId, "a/b.txt"), false);
    assert.equal(await retainedBy(second.objectId), 0);
    await assert.rejects(house.store.files.get(projectId, "a/b.txt"), { kind: "NotFound", reason: "FILE_NOT_FOUND" });
  });

  it("saved twice under the same content is saved once", async () => {
    const projectId = await project();
    const objectId = await object("x", projectId);
    const write = { projectId, path: "x", objectId, contentType: "text/plain", bounds: BOUNDS };
    assert.deepEqual(await house.store.files.save(write), await house.store.files.save(write));
    await house.store.files.save({ ...write, path: "y" });
    assert.equal(await retainedBy(objectId), 2);
    await house.store.files.delete(projectId, "x");
    assert.equal(await retainedBy(objectId), 1);
  });

  it("belongs to its project, and so does its content", async () => {
    const [mine, other] = [await project(), await project()];
    const { objectId } = await save(mine, "secret");
    await assert.rejects(house.store.files.get(other, "secret"), { reason: "FILE_NOT_FOUND" });
    assert.equal(await house.store.files.delete(other, "secret"), false);
    for (const id of [objectId, randomUUID(), "no id"]) {
      const write = { projectId: other, path: "x", objectId: id, contentType: "text/plain", bounds: BOUNDS };
      await assert.rejects(house.store.files.save(write), { reason: "OBJECT_NOT_FOUND" });
    }
  });

  it("does not go beyond the bounds of the project's store, which may shrink and be replaced", async () => {
    const projectId = await project();
    const bounds: FileBounds = { bytesMax: 10, filesMax: 2 };
    await save(projectId, "a", "12345", bounds);
    await save(projectId, "b", "12345", bounds);
    await assert.rejects(save(projectId, "c", "", bounds), { kind: "ResourceExhausted", reason: "FILE_STORE_FULL" });
    await assert.rejects(save(projectId, "b", "123456", bounds), { reason: "FILE_STORE_FULL" });
    await save(projectId, "b", "1234", bounds);
    await house.store.files.delete(projectId, "a");
    await save(projectId, "c", "123456", bounds);
    await assert.rejects(save(projectId, "b", "12345", bounds), { reason: "FILE_STORE_FULL" });
  });

  it("counts right when many are saved at the same time", async () => {
    const projectId = await project();
    await Promise.all(Array.from({ length: 20 }, (_, i) => save(projectId, `f${i % 5}`, "x".repeat(i + 1))));
    const bounds: FileBounds = { bytesMax: 1_000_000, filesMax: 6 };
    await save(projectId, "sixth", "x", bounds);
    await assert.rejects(save(projectId, "seventh", "x", bounds), { reason: "FILE_STORE_FULL" });
  });
});

describe("a list of files", () => {
  const paths = ["a", "a.txt", "a/1", "a/b/2", "a/b/3", "a0", "b/4", "z", "ä/5"];

  async function filled(): Promise<string> {
    const projectId = await project();
    for (const path of [...paths].reverse()) await save(projectId, path, "");
    return projectId;
  }

  async function list(projectId: string, directory: string, recursive: boolean, pageSize: number): Promise<string[]> {
    const found: FileEntry[] = [];
    let pageToken = "";
    do {
      const page = await house.store.files.list({ projectId, directory, recursive, pageSize, pageToken });
      assert.ok(page.items.length <= pageSize);
      found.push(...page.items);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return found.map((entry) => ("directory" in entry ? entry.directory : entry.path));
  }

  it("shows a directory's own entries, by pages of any size", async () => {
    const projectId = await filled();
    for (const size of [1, 2, 3, 100]) {
      assert.deepEqual(await list(projectId, "", false, size), ["a", "a.txt", "a/", "a0", "b/", "z", "ä/"]);
      assert.deepEqual(await list(projectId, "a/", false, size), ["a/1", "a/b/"]);
      assert.deepEqual(await list(projectId, "a/b/", false, size), ["a/b/2", "a/b/3"]);
      assert.deepEqual(await list(projectId, "none/", false, size), []);
    }
  });

  it("shows all files below a directory, by pages of any size", async () => {
    const projectId = await filled();
    for (const size of [1, 4, 100]) {
      assert.deepEqual(await list(projectId, "", true, size), paths);
      assert.deepEqual(await list(projectId, "a/", true, size), ["a/1", "a/b/2", "a/b/3"]);
    }
  });

  it("refuses the token of another directory", async () => {
    const projectId = await filled();
    const page = await house.store.files.list({ projectId, directory: "", recursive: false, pageSize: 1 });
    const listing = { projectId, directory: "b/", recursive: false, pageToken: page.nextPageToken };
    await assert.rejects(house.store.files.list(listing), { reason: "INVALID_PAGE_TOKEN" });
  });
});
