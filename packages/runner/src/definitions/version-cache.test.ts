import assert from "node:assert/strict";
import { test } from "node:test";

import type { session } from "@millrace/protocol";

import { VersionCache } from "./version-cache.ts";

function version(versionId: string, sourceLength = 10): session.LoadVersion {
  const source = "x".repeat(sourceLength);
  return {
    versionId,
    steps: [{ path: "steps/0", name: "a", fileName: "a.py", source, inputs: [], timeout: undefined }],
    memoryBytes: 0,
    limits: undefined,
    stepTimeout: undefined,
    modules: [],
    packages: undefined,
  };
}

/** A cache whose tokens are the ids of the versions; counts what it fetches. */
function scene(limits = { versionsMax: 2, bytesMax: 10_000 }, sourceLength = 10) {
  const fetched: string[] = [];
  const fetch = async (token: string) => {
    fetched.push(token);
    return version(token, sourceLength);
  };
  return { fetched, cache: new VersionCache(fetch, limits) };
}

test("fetches a version once, also for callers at the same time", async () => {
  const { cache, fetched } = scene();
  const [first, second] = await Promise.all([cache.get("a", "a"), cache.get("a", "a")]);
  assert.equal(first, second);
  assert.equal(cache.peek("a"), first);
  assert.deepEqual(fetched, ["a"]);
});

test("forgets the least used version beyond its count", async () => {
  const { cache } = scene();
  for (const id of ["a", "b"]) await cache.get(id, id);
  cache.peek("a");
  await cache.get("c", "c");
  assert.ok(cache.peek("a"));
  assert.equal(cache.peek("b"), undefined);
  assert.ok(cache.peek("c"));
});

test("forgets versions beyond its bytes, but never the one just asked for", async () => {
  const { cache } = scene({ versionsMax: 10, bytesMax: 3000 }, 2000);
  for (const id of ["a", "b"]) await cache.get(id, id);
  assert.equal(cache.peek("a"), undefined);
  assert.ok(cache.peek("b"));
});

test("refuses another version than the one asked for, and tries again next time", async () => {
  const { cache, fetched } = scene();
  await assert.rejects(cache.get("a", "b"), { reason: "WRONG_VERSION" });
  await cache.get("a", "a");
  assert.deepEqual(fetched, ["b", "a"]);
});
