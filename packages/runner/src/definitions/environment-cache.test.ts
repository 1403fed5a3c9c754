import assert from "node:assert/strict";
import { test } from "node:test";

import { MASK } from "../logs/secret-matcher.ts";
import type { FetchedEnvironment } from "./definition-source.ts";
import { EnvironmentCache } from "./environment-cache.ts";

const FRESHNESS = { revalidateAfterMs: 2000, staleAfterMs: 5000, projectsMax: 2 };

/** A cache over a gateway that answers when told to. */
function scene() {
  const asked: { token: string; known: number; answer: (fetched: FetchedEnvironment) => void; fail: () => void }[] = [];
  const clock = { now: 0 };
  const fetch = (token: string, known: number) =>
    new Promise<FetchedEnvironment>((resolve, reject) => {
      asked.push({ token, known, answer: resolve, fail: () => reject(new Error("nobody answers")) });
    });
  return { asked, clock, cache: new EnvironmentCache(fetch, FRESHNESS, () => clock.now) };
}

function environment(generation: number, token = `secret-${generation}-value`): FetchedEnvironment {
  return { generation, variables: { TOKEN: token, PLAIN: "plain-value" }, secretNames: ["TOKEN", "GONE"] };
}

test("asks once for starts at the same time, and masks what is marked secret", async () => {
  const { asked, cache } = scene();
  const [first, second] = [cache.get("p", "t1"), cache.get("p", "t2")];
  assert.deepEqual(
    asked.map(({ token, known }) => [token, known]),
    [["t1", 0]],
  );
  asked[0]!.answer(environment(3));
  assert.equal((await first).variables["TOKEN"], "secret-3-value");
  assert.equal(await second, await first);
  assert.equal((await first).secrets.mask("secret-3-value plain-value"), `${MASK} plain-value`);
});

test("asks again in the background when due, and waits when stale", async () => {
  const { asked, clock, cache } = scene();
  const first = cache.get("p", "t");
  asked[0]!.answer(environment(1));
  await first;
  clock.now = 1999;
  assert.ok(cache.peek("p", "t"));
  assert.equal(asked.length, 1);
  clock.now = 2000;
  assert.equal(cache.peek("p", "t")?.generation, 1);
  assert.equal(asked.length, 2);
  assert.equal(asked[1]!.known, 1);
  asked[1]!.answer({ generation: 1, variables: undefined, secretNames: [] });
  await new Promise(setImmediate);
  clock.now = 6999;
  assert.ok(cache.peek("p", "t"), "the unchanged answer made it fresh again");
  asked[2]!.fail();
  clock.now = 7000;
  await new Promise(setImmediate);
  assert.equal(cache.peek("p", "t"), undefined);
  const last = cache.get("p", "t");
  asked[3]!.answer(environment(2));
  assert.equal((await last).variables["TOKEN"], "secret-2-value");
});

test("after a change the next start waits, also when an older question is still under way", async () => {
  const { asked, clock, cache } = scene();
  const before = cache.get("p", "t");
  clock.now = 10;
  cache.invalidate();
  clock.now = 11;
  const after = cache.get("p", "t");
  assert.equal(asked.length, 2);
  asked[1]!.answer(environment(2));
  assert.equal((await after).generation, 2);
  asked[0]!.answer(environment(1));
  await before;
  assert.equal(cache.peek("p", "t")?.generation, 2);
});

test("passes a failure on and asks anew at the next start", async () => {
  const { asked, cache } = scene();
  const first = cache.get("p", "t");
  asked[0]!.fail();
  await assert.rejects(first);
  const second = cache.get("p", "t");
  asked[1]!.answer(environment(1));
  assert.equal((await second).generation, 1);
});
