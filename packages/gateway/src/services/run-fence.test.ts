import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PlatformError } from "@millrace/core";
import type { AssignmentStanding } from "@millrace/store";
import { RunFence } from "./run-fence.ts";

const KEY = { runId: "r", assignment: 1 };
const STALE = (error: unknown) => error instanceof PlatformError && error.reason === "ASSIGNMENT_STALE";

function fenceOf(initial: AssignmentStanding) {
  const world = { standing: initial, nowMs: 0, asked: 0, away: false };
  const fence = new RunFence(
    async () => {
      world.asked += 1;
      if (world.away) throw new PlatformError("Unavailable", "DATABASE_UNAVAILABLE", "away");
      return world.standing;
    },
    () => world.nowMs,
  );
  return { world, fence };
}

describe("the fence of what a run asks for", () => {
  it("lets the current assignment in and asks once a second", async () => {
    const { world, fence } = fenceOf("CURRENT");
    await fence.assertCurrent(KEY);
    await fence.assertCurrent(KEY);
    assert.equal(world.asked, 1);
    world.standing = "STALE";
    world.nowMs = 1_001;
    await assert.rejects(fence.assertCurrent(KEY), STALE);
  });

  it("asks at once where nothing older will do", async () => {
    const { world, fence } = fenceOf("CURRENT");
    await fence.assertCurrent(KEY);
    world.standing = "STALE";
    await assert.rejects(fence.assertCurrent(KEY, true), STALE);
  });

  it("keeps a run that is over from asking, but not its runner from what serves the next run", async () => {
    const { fence } = fenceOf("ENDED");
    await assert.rejects(fence.assertCurrent(KEY), STALE);
    await fence.assertNotTaken(KEY);
  });

  it("serves from memory while the database is away, and never a run that has gone elsewhere", async () => {
    const { world, fence } = fenceOf("STALE");
    await assert.rejects(fence.assertNotTaken(KEY), STALE);
    world.away = true;
    world.nowMs = 2_000;
    await fence.assertNotTaken(KEY);
    await assert.rejects(fence.assertCurrent(KEY), /away/);
  });
});
