import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Run } from "../../api/generated/types.ts";
import { openWindow, release, withChanges, withOlder, withRelisted, type RunWindow } from "./run-window.ts";

const run = (number: number, state: Run["state"] = "RUN_STATE_RUNNING"): Run => ({
  id: String(number).padStart(8, "0"),
  state,
});
const ids = (runs: readonly Run[]): number[] => runs.map(({ id }) => Number(id));
const window = (...numbers: number[]): RunWindow =>
  openWindow({ runs: numbers.map((number) => run(number)), nextPageToken: "older" });

describe("RunWindow", () => {
  test("shows new runs at once, newest first, and changes of known ones in place", () => {
    const next = withChanges(window(5, 4), { runs: [run(4, "RUN_STATE_FAILED"), run(7), run(6)], left: [] }, false);
    assert.deepEqual(ids(next.rows), [7, 6, 5, 4]);
    assert.equal(next.rows[3]?.state, "RUN_STATE_FAILED");
  });

  test("moves nothing while it is held", () => {
    const held = withChanges(
      window(5, 3),
      { runs: [run(6), run(4), run(3, "RUN_STATE_FAILED")], left: ["00000005"] },
      true,
    );
    assert.deepEqual(ids(held.rows), [5, 3]);
    assert.equal(held.rows[1]?.state, "RUN_STATE_FAILED");
    assert.deepEqual([...held.gone], ["00000005"]);
    assert.deepEqual(ids(held.arrived), [6, 4]);
    assert.deepEqual(ids(release(held).rows), [6, 4, 3]);
  });

  test("lets go at once what matches no more, and takes it back when it matches again", () => {
    assert.deepEqual(ids(withChanges(window(5, 4), { runs: [], left: ["00000005"] }, false).rows), [4]);
    const held = withChanges(window(5, 4), { runs: [], left: ["00000005"] }, true);
    assert.deepEqual(ids(withChanges(held, { runs: [run(5)], left: [] }, false).rows), [5, 4]);
  });

  test("leaves runs below the last row to the next page", () => {
    const next = withChanges(window(9, 8), { runs: [run(2)], left: [] }, false);
    assert.deepEqual(ids(next.rows), [9, 8]);
  });

  test("keeps a bounded number of rows and of arrivals, however many pass", () => {
    let [open, held] = [window(1), window(1)];
    for (let number = 2; number <= 5_000; number += 1) {
      open = withChanges(open, { runs: [run(number)], left: [] }, false);
      if (number <= 1_000) held = withChanges(held, { runs: [run(number)], left: [] }, true);
    }
    assert.equal(open.rows.length, 150);
    assert.equal(open.rows[0]?.id, "00005000");
    assert.deepEqual([open.hasMore, open.nextPage], [true, undefined]);
    assert.equal(held.arrived.length, 200);
    assert.equal(held.overflowed, true);
  });

  test("adds older pages behind the last row, up to a bound", () => {
    const next = withOlder(window(9, 8), { runs: [run(8), run(7)] });
    assert.deepEqual(ids(next.rows), [9, 8, 7]);
    assert.equal(next.hasMore, false);
    const many = Array.from({ length: 12_000 }, (_, index) => run(20_000 - index));
    const full = withOlder(openWindow({}), { runs: many });
    assert.deepEqual([full.rows.length, full.hasMore, full.nextPage], [10_000, true, undefined]);
  });

  test("a search that was ended for its time goes on where it was", () => {
    const searching = withOlder(openWindow({ nextPageToken: "far" }), { nextPageToken: "farther" });
    assert.deepEqual([searching.rows.length, searching.hasMore, searching.nextPage], [0, true, "farther"]);
  });

  test("behind a time without news begins anew, or says that something may be missing", () => {
    assert.deepEqual(
      ids(withRelisted(window(2, 1), { runs: [run(9), run(8)], nextPageToken: "older" }, false).rows),
      [9, 8],
    );
    const apart = withRelisted(window(2, 1), { runs: [run(9), run(8)], nextPageToken: "older" }, true);
    assert.deepEqual(ids(apart.rows), [2, 1]);
    assert.equal(apart.overflowed, true);
    const meets = withRelisted(
      window(2, 1),
      { runs: [run(3), run(2, "RUN_STATE_FAILED")], nextPageToken: "older" },
      true,
    );
    assert.deepEqual([ids(meets.arrived), meets.overflowed, meets.rows[0]?.state], [[3], false, "RUN_STATE_FAILED"]);
  });
});
