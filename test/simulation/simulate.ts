import { parseOptions } from "../harness/parse-options.ts";
import { MUTATIONS, RARE, type Mutation } from "./mutations.ts";
import { search, simulate } from "./search.ts";

const values = parseOptions(
  "npm run simulate",
  "Runs whole houses in one process through random crashes, losses, doubles and delays, and checks every rule after each event.",
  {
    runs: { type: "string", value: "N", default: "2000", about: "schedules to try" },
    seed: { type: "string", value: "SEED", default: "1", about: "where the random numbers begin" },
    only: { type: "string", value: "SEED", about: "replay one schedule" },
    mutation: { type: "string", value: "NAME", about: "plant one mistake, which must be found" },
    mutations: {
      type: "boolean",
      default: false,
      about: "plant each mistake in turn; rare ones get 20 times the runs",
    },
    trace: { type: "boolean", default: false, about: "with --only: print every event" },
  },
);

/** Output cut off by a reader such as head is no failure of the search. */
process.stdout.on("error", () => process.exit(1));

function replay(seed: string, mutations: ReadonlySet<Mutation>): number {
  const result = simulate(seed, mutations, values.trace);
  process.stdout.write(`${result.lines.join("\n")}\n${result.violation ?? "no violation"}\n`);
  return result.violation === undefined ? 0 : 1;
}

function searchAll(runs: number): number {
  let missed = 0;
  for (const [name, text] of Object.entries(MUTATIONS) as [Mutation, string][]) {
    const most = RARE.has(name) ? runs * 20 : runs;
    const { scenarios, found, seconds } = search(new Set([name]), most, values.seed, 1);
    if (found.length === 0) missed += 1;
    const verdict = `${found.length > 0 ? "found after" : "NOT FOUND in"} ${scenarios}, ${seconds.toFixed(1)} s`;
    process.stdout.write(`${name.padEnd(26)} ${verdict.padStart(28)}   ${found[0]?.violation.slice(0, 110) ?? text}\n`);
  }
  return missed === 0 ? 0 : 1;
}

function main(): number {
  const runs = Number(values.runs);
  const mutations = new Set(values.mutation ? [values.mutation as Mutation] : []);
  if (values.only) return replay(values.only, mutations);
  if (values.mutations) return searchAll(runs);
  const { scenarios, events, found, seconds } = search(mutations, runs, values.seed, 20);
  process.stdout.write(
    `${scenarios} scenarios, ${events} events, ${found.length} violations, ${seconds.toFixed(1)} s\n`,
  );
  for (const { seed, violation } of found) process.stdout.write(`  seed ${seed}: ${violation}\n`);
  return found.length > 0 === mutations.size > 0 ? 0 : 1;
}

process.exitCode = main();
