import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { describeReport, failoverRound, TRIVIAL } from "./failover-round.ts";
import { ReplicatedHouse } from "./replicated-house.ts";

// A sample; `npm run test:failover` is the whole.
describe("a failover to the standby under load", () => {
  let house: ReplicatedHouse;

  before(async () => {
    house = await ReplicatedHouse.start();
  });
  after(() => house?.stop());

  test("loses nothing, ends nothing twice and costs seconds, with the old primary still alive", async (context) => {
    const say = (line: string): void => context.diagnostic(line);
    const path = await house.deploy("one", { step: TRIVIAL });
    const report = await failoverRound(house, [path], { fault: "alive", perSecond: 50, calmMs: 2_000, say });
    say(describeReport(report));
    assert.ok(report.longestStallMs < 10_000, `nothing was acknowledged for ${report.longestStallMs} ms`);
    assert.equal(report.retryAfterMissing, 0, "a refusal says when to try again");
  });
});
