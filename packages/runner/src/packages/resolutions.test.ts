import assert from "node:assert/strict";
import { test } from "node:test";

import type { Resolution } from "./package-build.ts";
import { Resolutions, type ResolutionWish } from "./resolutions.ts";

const REQUESTS = { requirement: "requests", importName: "requests", optional: false, examine: false };
const WISH: ResolutionWish = { requirements: [REQUESTS], preferredLock: "", fresh: false };

/** Resolutions of an index with a new release at each question, and the time. */
function scene(keepMs = 1000) {
  let nowMs = 0;
  let release = 0;
  const resolutions = new Resolutions(keepMs, () => nowMs);
  const ask = async (): Promise<Resolution> => ({ lock: `requests==${++release}`, dropped: [] });
  const lockOf = async (wish: Partial<ResolutionWish> = {}, pythonMinor = "3.11") =>
    (await resolutions.get(pythonMinor, { ...WISH, ...wish }, ask)).lock;
  return { lockOf, resolutions, pass: (ms: number) => (nowMs += ms) };
}

test("the same wish is not asked again for a while, unless it is to be fresh", async () => {
  const { lockOf, pass } = scene();
  assert.equal(await lockOf(), "requests==1");
  pass(999);
  assert.equal(await lockOf(), "requests==1");
  pass(1);
  assert.equal(await lockOf(), "requests==2");
  assert.equal(await lockOf({ fresh: true }), "requests==3");
  assert.equal(await lockOf(), "requests==3");
});

test("whatever differs is another wish", async () => {
  const { lockOf } = scene();
  const others = [{ requirement: "requests<3" }, { importName: "" }, { optional: true }, { examine: true }].map(
    (other) => ({ requirements: [{ ...REQUESTS, ...other }] }),
  );
  const wishes = [{}, ...others, { requirements: [REQUESTS, REQUESTS] }, { preferredLock: "requests==1" }];
  const locks = [await lockOf({}, "3.12")];
  for (const wish of wishes) locks.push(await lockOf(wish));
  assert.equal(new Set(locks).size, locks.length);
});

test("what failed is asked again, and a time of 0 keeps nothing", async () => {
  const { lockOf, resolutions } = scene(0);
  await assert.rejects(
    resolutions.get("3.11", WISH, () => Promise.reject(new RangeError("no index"))),
    RangeError,
  );
  assert.equal(await lockOf(), "requests==1");
  assert.equal(await lockOf(), "requests==2");
});
