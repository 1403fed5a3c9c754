import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { deployVictims, killRound, victims, type KillRoundOptions } from "./kill-round.ts";
import { Witness } from "./witness.ts";
import { TestHouse, type TestHouseOptions } from "../harness/test-house.ts";

// A sample; `npm run test:kill -- --times 20` is the whole.
describe("kill -9 in the middle of runs: every acknowledged run ends once, and no checkpointed step is executed twice", () => {
  async function round(options: TestHouseOptions, how: KillRoundOptions): Promise<void> {
    const witness = await Witness.start();
    const house = await TestHouse.start(options);
    try {
      const { url } = await deployVictims(house, witness);
      const report = await killRound(house, witness, url, how);
      assert.equal(report.runs, how.runs);
    } finally {
      await house.stop();
      await witness.close();
    }
  }

  test("of every process of a house", async (context) => {
    const say = (line: string): void => context.diagnostic(line);
    await round({}, { runs: 200, order: [...victims, "connections"], say });
  });

  test("of a gateway and of a scheduler that are processes of their own", async (context) => {
    const say = (line: string): void => context.diagnostic(line);
    await round({ separate: true }, { runs: 90, order: ["scheduler", "gateway", "everything"], say });
  });
});
