import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Sleepers } from "./sleepers.ts";

describe("paused runs in the record", () => {
  it("leave the memory only when they wake after all that was read", () => {
    const sleepers = new Sleepers();
    assert.ok(!sleepers.mayLeave(4000, 0, 0), "soon");
    assert.ok(sleepers.mayLeave(6000, 0, 0));
    assert.ok(sleepers.mayLeave(2000, 0, 1e6), "with much to hold");
    sleepers.beginPage(9000);
    assert.ok(!sleepers.mayLeave(8000, 0, 0), "the page under way may lack it");
    sleepers.endPage({ rows: [], readToMs: 9000, readToId: "x", nextWakeMs: null });
    assert.ok(!sleepers.mayLeave(8000, 0, 0), "no further page would bring it");
    assert.ok(sleepers.mayLeave(9001, 0, 0));
  });

  it("are asked for when the first of them wakes, also when a page could not be read", () => {
    const sleepers = new Sleepers();
    sleepers.expect(7000);
    sleepers.beginPage(7500);
    sleepers.expect(20_000);
    sleepers.endPage(undefined);
    assert.deepEqual([sleepers.nextWakeMs, sleepers.readToMs], [7000, 0]);
    sleepers.beginPage(7500);
    sleepers.endPage({ rows: [], readToMs: 7500, readToId: "x", nextWakeMs: 9000 });
    assert.equal(sleepers.nextWakeMs, 9000);
  });

  it("are read from the beginning when one may have been passed over, whatever page is under way", () => {
    const sleepers = new Sleepers();
    sleepers.beginPage(9000);
    sleepers.restart();
    sleepers.endPage({ rows: [], readToMs: 9000, readToId: "x", nextWakeMs: 20_000 });
    assert.deepEqual([sleepers.nextWakeMs, sleepers.readToMs], [0, 0]);
    sleepers.beginPage(9500);
    sleepers.endPage({ rows: [], readToMs: 9500, readToId: "x", nextWakeMs: 20_000 });
    assert.deepEqual([sleepers.nextWakeMs, sleepers.readToMs], [20_000, 9500]);
  });
});
