import { RARE, type Mutation } from "./mutations.ts";
import { Random } from "./random.ts";
import { drawKind, Simulation, Violation } from "./simulation.ts";

/** Plays one scenario. Whatever a brain throws breaks a rule too. */
export function simulate(seed: string, mutations: ReadonlySet<Mutation>, tracing: boolean) {
  const simulation = new Simulation(seed, mutations, tracing);
  let violation: string | undefined;
  try {
    simulation.go();
  } catch (thrown) {
    violation =
      thrown instanceof Violation ? thrown.message : `a brain failed: ${String((thrown as Error).stack ?? thrown)}`;
  }
  return { events: simulation.queue.handled, violation, lines: simulation.lines };
}

/** Plays scenarios until so many violations are found; with a rare mistake only those of the kind that may show it. */
export function search(mutations: ReadonlySet<Mutation>, runs: number, seedPrefix: string, most: number) {
  const begin = performance.now();
  const found: { seed: string; violation: string }[] = [];
  const kinds = new Set([...mutations].flatMap((mutation) => RARE.get(mutation) ?? []));
  let events = 0;
  let scenarios = 0;
  for (let number = 0; scenarios < runs && found.length < most; number++) {
    const seed = `${seedPrefix}/${number}`;
    if (kinds.size > 0 && !kinds.has(drawKind(new Random(seed)))) continue;
    const result = simulate(seed, mutations, false);
    scenarios += 1;
    events += result.events;
    if (result.violation !== undefined) found.push({ seed, violation: result.violation });
  }
  return { scenarios, events, found, seconds: (performance.now() - begin) / 1000 };
}
