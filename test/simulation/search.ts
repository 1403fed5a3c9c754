import { Simulation, Violation } from "./simulation.ts";
import type { Mutation } from "./mutations.ts";

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

/** Plays scenarios until so many violations are found. */
export function search(mutations: ReadonlySet<Mutation>, runs: number, seedPrefix: string, most: number) {
  const begin = performance.now();
  const found: { seed: string; violation: string }[] = [];
  let events = 0;
  let scenarios = 0;
  while (scenarios < runs && found.length < most) {
    const seed = `${seedPrefix}/${scenarios}`;
    const result = simulate(seed, mutations, false);
    scenarios += 1;
    events += result.events;
    if (result.violation !== undefined) found.push({ seed, violation: result.violation });
  }
  return { scenarios, events, found, seconds: (performance.now() - begin) / 1000 };
}
