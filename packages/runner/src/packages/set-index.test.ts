import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { scratchFolder } from "@millrace/testkit";
import { SetIndex } from "./set-index.ts";

const scratch = scratchFolder();
const HOUR_MS = 3_600_000;
const NEVER = { bytesMax: Number.MAX_SAFE_INTEGER, idleMs: Number.MAX_SAFE_INTEGER, protectMs: 0 };

async function openIndex(folder?: string): Promise<{ folder: string; index: SetIndex }> {
  const made = folder ?? (await mkdtemp(join(scratch, "sets-")));
  const index = new SetIndex(made);
  await index.open();
  return { folder: made, index };
}

async function addSet(index: SetIndex, hash: string, bytes = 10): Promise<void> {
  const built = index.newBuildFolder();
  await mkdir(built, { recursive: true });
  await writeFile(join(built, "module.py"), "x = 1");
  await index.add(hash, built, bytes);
}

/** Makes a set look as if it had been used so long ago, for the next opening. */
async function age(folder: string, index: SetIndex, hash: string, byMs: number): Promise<void> {
  const then = new Date(Date.now() - byMs);
  await utimes(join(folder, "index", `${index.nameOf(hash)}.json`), then, then);
}

test("a set is there once it was added, also for the next process", async () => {
  const { folder, index } = await openIndex();
  assert.equal(index.use("a"), false);
  await addSet(index, "a");
  assert.equal(index.use("a"), true);
  const again = await openIndex(folder);
  assert.equal(again.index.use("a"), true);
  assert.equal(again.index.nameOf("a"), index.nameOf("a"));
});

test("names of sets tell nothing about their hashes, and their folder cannot be listed by others", async () => {
  const { index } = await openIndex();
  const other = await openIndex();
  assert.notEqual(index.nameOf("a"), other.index.nameOf("a"));
  assert.equal((await stat(index.setsFolder)).mode & 0o777, 0o311);
  await index.close();
  assert.equal((await stat(index.setsFolder)).mode & 0o777, 0o755);
});

test("what a crash left is gone at the next opening", async () => {
  const { folder, index } = await openIndex();
  await addSet(index, "whole");
  await mkdir(join(index.newBuildFolder(), "work"), { recursive: true });
  await writeFile(
    join(folder, "index", `${index.nameOf("never-came")}.json`),
    JSON.stringify({ hash: "never-came", bytes: 1 }),
  );
  await writeFile(join(folder, "index", "half.json"), '{"hash": "ha');
  const next = await openIndex(folder);
  assert.equal(next.index.use("whole"), true);
  assert.equal(next.index.use("never-came"), false);
  assert.deepEqual(await readdir(join(folder, "building")), []);
  assert.deepEqual(await readdir(join(folder, "index")), [`${index.nameOf("whole")}.json`]);
});

test("sets that nobody uses are collected by age", async () => {
  const { folder, index } = await openIndex();
  for (const hash of ["old", "new"]) await addSet(index, hash);
  await age(folder, index, "old", 2 * HOUR_MS);
  const next = (await openIndex(folder)).index;
  assert.deepEqual(await next.collect({ ...NEVER, idleMs: HOUR_MS }), ["old"]);
  assert.deepEqual([next.use("old"), next.use("new")], [false, true]);
  assert.deepEqual(await readdir(join(folder, "building")), []);
});

test("beyond the size, those unused for longest go, and none that was used a moment ago", async () => {
  const { folder, index } = await openIndex();
  for (const hash of ["a", "b", "c"]) await addSet(index, hash, 100);
  await age(folder, index, "b", 3 * HOUR_MS);
  await age(folder, index, "a", 2 * HOUR_MS);
  const next = (await openIndex(folder)).index;
  assert.deepEqual(await next.collect({ ...NEVER, bytesMax: 200 }), ["b"]);
  assert.deepEqual(await next.collect({ ...NEVER, bytesMax: 0, protectMs: HOUR_MS }), ["a"]);
  assert.equal(next.use("c"), true);
});

test("two collections at the same time remove a set once", async () => {
  const { index } = await openIndex();
  await addSet(index, "a");
  const removed = await Promise.all([index.collect({ ...NEVER, idleMs: 0 }), index.collect({ ...NEVER, idleMs: 0 })]);
  assert.deepEqual(removed.flat(), ["a"]);
});

test("a set whose record was lost is built again in its place", async () => {
  const { folder, index } = await openIndex();
  await addSet(index, "a");
  await writeFile(join(folder, "index", `${index.nameOf("a")}.json`), "");
  const next = (await openIndex(folder)).index;
  assert.equal(next.use("a"), false);
  await addSet(next, "a");
  assert.equal(next.use("a"), true);
});
