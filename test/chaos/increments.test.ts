import { after, before, describe, test } from "node:test";

import { TestHouse } from "../harness/test-house.ts";
import { deployCounting, incrementRound } from "./increment-round.ts";

// A sample; `npm run test:stores` is the whole.
describe("increments of 64 concurrent runs", () => {
  let house: TestHouse;

  before(async () => {
    house = await TestHouse.start({ separate: true, environment: { MILLRACE_SLOTS: "66" } });
  });
  after(() => house?.stop());

  test("are neither lost nor made twice when gateway and runner are killed meanwhile", async (context) => {
    await deployCounting(house);
    const say = (line: string): void => context.diagnostic(line);
    await incrementRound(house, { runs: 64, times: 15, order: ["gateway", "runner"], say });
  });
});
