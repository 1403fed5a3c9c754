import { parseOptions } from "../harness/parse-options.ts";
import { TestHouse } from "../harness/test-house.ts";
import { deployVictims, killRound, separateVictims, victims, type Victim } from "./kill-round.ts";
import { Witness } from "./witness.ts";

const values = parseOptions(
  "npm run test:kill",
  "Kills every process of a house in a shuffled order while runs are under way, and looks whether each ended exactly once.",
  {
    times: { type: "string", value: "N", default: "1", about: "rounds" },
    runs: { type: "string", value: "N", default: "200", about: "runs in each round" },
    pause: { type: "string", value: "MS", about: "stop the victims for so long instead of killing them" },
    separate: { type: "boolean", default: false, about: "with gateway and scheduler as processes of their own" },
    seed: {
      type: "string",
      value: "SEED",
      default: String(Date.now() % 1_000_000),
      about: "repeats a round in its order",
    },
  },
);

/** Shuffles by a seed, so that a round that failed can be repeated in its order. */
function shuffled(seed: number): Victim[] {
  const order: Victim[] = [...(values.separate ? separateVictims : victims)];
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
const house = await TestHouse.start({ separate: values.separate });
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
