import { parseOptions } from "../harness/parse-options.ts";
import { describeReport, failoverRound, FAULTS, outageRound, TRIVIAL } from "./failover-round.ts";
import { ReplicatedHouse } from "./replicated-house.ts";

const values = parseOptions(
  "npm run test:failover",
  "Fails over between two Postgres servers under load, with the old primary killed, alive and frozen, and looks whether every acknowledged run ended once.",
  {
    times: { type: "string", value: "N", default: "2", about: "rounds of three failovers" },
    rate: { type: "string", value: "N", default: "200", about: "submits a second" },
    calm: { type: "string", value: "MS", default: "5000", about: "load before and behind each failover" },
  },
);

const STALL_MAX_MS = 10_000;
/** Longer than a submit waits. */
const AWAY_MS = 15_000;

function isOnly(refused: ReadonlyMap<number, number>, status: number): boolean {
  return refused.size === 1 && refused.has(status);
}

const house = await ReplicatedHouse.start();
let failed = 0;
try {
  const paths = await Promise.all(["one", "two", "three"].map((name) => house.deploy(name, { step: TRIVIAL })));
  const load = { perSecond: Number(values.rate), calmMs: Number(values.calm), say: console.log };
  for (let round = 0; round < Number(values.times); round++) {
    for (const fault of FAULTS) {
      const report = await failoverRound(house, paths, { ...load, fault });
      console.log(`round ${round + 1}, old primary ${fault}: ${describeReport(report)}`);
      if (report.longestStallMs > STALL_MAX_MS || report.retryAfterMissing > 0) failed++;
    }
  }
  const report = await outageRound(house, paths, { ...load, awayMs: AWAY_MS });
  console.log(`both servers away for ${AWAY_MS} ms: ${describeReport(report)}`);
  if (report.retryAfterMissing > 0 || !isOnly(report.refused, 503)) failed++;
} catch (error) {
  failed++;
  console.error(error);
  for (const name of ["scheduler-1", "scheduler-2", "gateway-1"]) console.error(house.logOf(name).slice(-4_000));
} finally {
  await house.stop();
}
process.exitCode = failed === 0 ? 0 : 1;
