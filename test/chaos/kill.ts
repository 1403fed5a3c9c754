import { parseArgs } from "node:util";

import { TestHouse } from "../harness/test-house.ts";
import { deployVictims, killRound, victims, type Victim } from "./kill-round.ts";
import { Witness } from "./witness.ts";

// `npm run test:kill -- --times 20 [--runs 200] [--seed N]`: rounds of kill -9 against one house, in a shuffled order.
// With `--pause MS` the victims are stopped for that long instead, and go on as if nothing had been.
const { values } = parseArgs({
  options: {
    times: { type: "string", default: "1" },
    runs: { type: "string", default: "200" },
    pause: { type: "string" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});

/** Shuffles by a seed, so that a round that failed can be repeated in its order. */
function shuffled(seed: number): Victim[] {
  const order: Victim[] = [...victims];
  let state = seed;
  for (let index = order.length - 1; index > 0; index--) {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    const other = state % (index + 1);
    const [one, two] = [order[index], order[other]];
    if (one !== undefined && two !== undefined) [order[index], order[other]] = [two, one];
  }
  return order;
}

const times = Number(values.times);
const seed = Number(values.seed);
const witness = await Witness.start();
const house = await TestHouse.start();
let passed = 0;
try {
  const { url } = await deployVictims(house, witness);
  for (let round = 0; round < times; round++) {
    const order = shuffled(seed + round);
    console.log(`round ${round + 1} of ${times} (seed ${seed + round}): ${order.join(", ")}`);
    const pauseMs = values.pause === undefined ? undefined : Number(values.pause);
    const options = { runs: Number(values.runs), order, pauseMs, say: console.log };
    const report = await killRound(house, witness, url, options);
    passed++;
    const seconds = (report.durationMs / 1000).toFixed(1);
    console.log(
      `  ${report.runs} runs ended once, ${report.repeated} executions repeated before their checkpoint, ${seconds} s`,
    );
  }
} catch (error) {
  process.exitCode = 1;
  console.error(error);
  console.error(house.log);
} finally {
  await house.stop();
  await witness.close();
}
console.log(`${passed} passed, ${times - passed} failed`);
