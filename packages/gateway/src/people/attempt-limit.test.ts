import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AttemptLimit } from "./attempt-limit.ts";

describe("the limit of attempts", () => {
  it("refuses after as many failures as it allows, until the window is over", () => {
    let nowMs = 0;
    const limit = new AttemptLimit({ failuresMax: 2, windowMs: 1_000 }, () => nowMs);
    limit.begin(["ann"]);
    limit.begin(["ann"]);
    assert.throws(() => limit.begin(["ann"]), { reason: "TOO_MANY_ATTEMPTS" });
    limit.begin(["bob"]);
    nowMs = 1_000;
    limit.begin(["ann"]);
  });

  it("forgets the failures of a key that has succeeded, and counts each key of an attempt", () => {
    const limit = new AttemptLimit({ failuresMax: 2, windowMs: 1_000 }, () => 0);
    limit.begin(["ann", "10.0.0.1"]);
    limit.succeeded(["ann"]);
    limit.begin(["bob", "10.0.0.1"]);
    limit.begin(["ann"]);
    assert.throws(() => limit.begin(["cid", "10.0.0.1"]), { reason: "TOO_MANY_ATTEMPTS" });
  });

  it("keeps a bounded number of keys", () => {
    const limit = new AttemptLimit({ failuresMax: 1, windowMs: 1_000 }, () => 0);
    limit.begin(["first"]);
    for (let i = 0; i < 10_000; i++) limit.begin([`other ${i}`]);
    limit.begin(["first"]);
  });
});
