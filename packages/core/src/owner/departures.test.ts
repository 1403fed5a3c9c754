import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Departures } from "./departures.ts";

describe("runs that leave the memory while the record is read", () => {
  it("are not taken from a read that is older", () => {
    const departures = new Departures();
    const [first, second] = [{}, {}];
    departures.left("early");
    departures.beginRead(first);
    departures.beginRead(second);
    departures.left("late");
    assert.ok(departures.isFresh(first, "early"), "no read was under way");
    assert.ok(!departures.isFresh(first, "late"));
    departures.endRead(first);
    assert.ok(!departures.isFresh(second, "late"));
  });

  it("are taken from a read that began after they left, however long another one hangs", () => {
    const departures = new Departures();
    const [hangs, page] = [{}, {}];
    departures.beginRead(hangs);
    departures.left("a");
    departures.beginRead(page);
    assert.ok(departures.isFresh(page, "a"), "no further page would bring it");
    departures.left("b");
    assert.ok(!departures.isFresh(page, "b"));
    assert.ok(!departures.isFresh(hangs, "a"));
  });

  it("are remembered up to a bound, and what is older than that is not believed", () => {
    const departures = new Departures();
    const [hangs, later] = [{}, {}];
    departures.beginRead(hangs);
    for (let n = 0; n < 6_000; n++) departures.left(`a${n}`);
    departures.beginRead(later);
    for (let n = 0; n < 6_000; n++) departures.left(`b${n}`);
    assert.ok(!departures.isBelievable(hangs) && !departures.isFresh(hangs, "never left"));
    assert.ok(departures.isBelievable(later) && departures.isFresh(later, "a5999"));
    assert.ok(!departures.isFresh(later, "b0"));
  });
});
