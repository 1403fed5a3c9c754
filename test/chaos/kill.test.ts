import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { deployVictims, killRound, victims } from "./kill-round.ts";
import { Witness } from "./witness.ts";
import { TestHouse } from "../harness/test-house.ts";

// A sample; `npm run test:kill -- --times 20` is the whole.
describe("kill -9 of every process in the middle of 200 runs", () => {
  let house: TestHouse;
  let witness: Witness;

  before(async () => {
    witness = await Witness.start();
    house = await TestHouse.start();
  });
  after(async () => {
    await house?.stop();
    await witness?.close();
  });

  test("every acknowledged run ends once, and no checkpointed step is executed twice", async (context) => {
    const { url } = await deployVictims(house, witness);
    const say = (line: string): void => context.diagnostic(line);
    const report = await killRound(house, witness, url, { runs: 200, order: [...victims, "connections"], say });
    assert.equal(report.runs, 200);
  });
});
