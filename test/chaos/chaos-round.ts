import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { openApiClient } from "@millrace/cli";
import { checkoutFolder, type Tools } from "@millrace/provision";
import { BREAKS, brokenCheckout } from "./breaks.ts";
import { check } from "./checker/check.ts";
import { measure } from "./checker/measure.ts";
import { readBack, readUnfinished, type Unfinished } from "./checker/read-back.ts";
import { History } from "./client/history.ts";
import { startStepWitness } from "./client/step-witness.ts";
import { deployAll, PROBES } from "./client/workflows.ts";
import { Workload, type Door } from "./client/workload.ts";
import { ChaosHouse, SHAPE } from "./house/chaos-house.ts";
import type { Network } from "./house/network.ts";
import { PORTS } from "./house/plans.ts";
import { Nemesis } from "./nemesis/nemesis.ts";
import { planRounds } from "./nemesis/schedule.ts";
import type { ChaosReport } from "./report.ts";

export interface ChaosOptions {
  readonly folder: string;
  readonly tools: Tools;
  readonly network: Network;
  readonly seed: string;
  readonly minutes: number;
  readonly rate: number;
  readonly clockLibrary: string | undefined;
  readonly notes: readonly string[];
  /** Name of the rule that is broken on purpose. */
  readonly broken: string | undefined;
  readonly say: (line: string) => void;
}

/** Time in which the house has warmed up and nothing is broken yet: what answers take outside of faults. */
const PEACE_MS = 5_000;

/** How long things may take before the next fault, for the client's operations, and for all runs to end. */
const PATIENCE = { recoveryMs: 60_000, settleMs: 120_000, quietMs: 90_000 } as const;
/** With a rule broken, what never comes is what is expected. */
const IMPATIENCE = { recoveryMs: 10_000, settleMs: 15_000, quietMs: 30_000 } as const;

/** Starts a house, works with it while it is broken, lets it come to rest, and checks everything. */
export async function chaosRound(options: ChaosOptions): Promise<ChaosReport> {
  const { folder, tools, network, clockLibrary, say } = options;
  const deaths = new Map<string, number>();
  const onDeath = (name: string, how: string): void => {
    say(`  ${name} ended by itself: ${how}`);
    deaths.set(name, (deaths.get(name) ?? 0) + 1);
  };
  const broken = options.broken === undefined ? undefined : BREAKS[options.broken];
  const patience = broken === undefined ? PATIENCE : IMPATIENCE;
  const checkout = broken === undefined ? checkoutFolder : brokenCheckout([broken], join(folder, "checkout"));
  const house = new ChaosHouse({ folder, tools, network, checkout, clockLibrary, onDeath });
  const history = new History(join(folder, "history.jsonl"));
  const endAtOnce = (): void => void house.close().finally(() => network.close().finally(() => process.exit(130)));
  process.once("SIGINT", endAtOnce).once("SIGTERM", endAtOnce);
  try {
    await house.start();
    const witness = await startStepWitness(network, history);
    const doors = await openDoors(house);
    const triggers = await deployAll((doors[0] as Door).client, witness.url);
    const workload = new Workload({
      doors,
      triggers,
      history,
      seed: options.seed,
      rate: broken?.rate ?? options.rate,
      kinds: broken?.kinds,
      settleMs: patience.settleMs,
    });
    await warmUp(doors, triggers);
    say("the house is ready");
    await makeChaos(options, house, history, workload, patience.recoveryMs);
    await comeToRest(house, doors[0] as Door, patience.quietMs, say);
    const kept = await readBack(house.record.url, (doors[0] as Door).client);
    for (const { client } of doors) client.close();
    const strays = house.strays().map(({ host, pid, command }) => `${host}: process ${pid} of nobody: ${command}`);
    const { stubborn, left } = await house.stop();
    await witness.close();
    const { operations, sightings, faults } = history;
    const leaks = [...strays, ...left, ...stubborn.map((name) => `${name} did not end when it was asked to`)];
    return {
      ...{ seed: options.seed, minutes: options.minutes, rate: options.rate, broken: options.broken, faults, deaths },
      runs: kept.runs.length,
      measures: measure(operations, faults),
      violations: check({ operations, sightings, faults, readBack: kept, leaks }),
      notes:
        workload.skipped === 0 ? options.notes : [...options.notes, `${workload.skipped} operations were left out`],
    };
  } finally {
    await house.close();
    await history.close();
  }
}

function openDoors(house: ChaosHouse): Promise<Door[]> {
  return Promise.all(
    SHAPE.gateways.map(async (name) => {
      const url = house.gatewayUrl(name);
      const grpc = `${house.hostOf(name).address}:${PORTS.grpc}`;
      return { url, client: await openApiClient({ url, grpc, apiKey: house.apiKey }) };
    }),
  );
}

/** Every probe has been answered once, so that no gap is an environment's first start. */
async function warmUp(doors: readonly Door[], triggers: ReadonlyMap<string, string>): Promise<void> {
  const [door] = doors;
  for (const workflow of PROBES) {
    const url = new URL(new URL(triggers.get(workflow) ?? "").pathname, door?.url);
    const body = JSON.stringify({ mark: "warm-up" });
    const response = await fetch(url, { method: "POST", body, headers: { "content-type": "application/json" } });
    if (response.status !== 200) throw new Error(`${workflow} answers ${response.status}: ${await response.text()}`);
  }
}

async function makeChaos(
  options: ChaosOptions,
  house: ChaosHouse,
  history: History,
  workload: Workload,
  recoveryMs: number,
): Promise<void> {
  const totalMs = options.minutes * 60_000;
  const runners = Object.values(SHAPE.runners).flat();
  const targets = {
    ...SHAPE,
    runners,
    hasNetwork: house.network.hasNamespaces,
    hasClocks: house.hasClocks,
    hasDisks: house.hasDisks,
  };
  const rounds = BREAKS[options.broken ?? ""]?.rounds ?? planRounds(options.seed, targets, totalMs);
  const nemesis = new Nemesis(house, history, options.seed, options.say);
  const working = workload.run();
  await sleep(PEACE_MS);
  await nemesis.run(rounds, performance.now() + totalMs - PEACE_MS, recoveryMs);
  options.say("no more faults; waiting for what is under way");
  await workload.close();
  await working;
}

/**
 * Waits until no run is unfinished; what is left then is stuck, and the check says so. Runs that wait for a link which the client
 * has never got, because the answer to its submit was lost, are resumed.
 */
async function comeToRest(
  house: ChaosHouse,
  { client }: Door,
  quietMs: number,
  say: (line: string) => void,
): Promise<void> {
  const endAt = performance.now() + quietMs;
  let left: Unfinished = { count: 1, waiting: [] };
  while (left.count > 0 && performance.now() < endAt) {
    left = await readUnfinished(house.record.url).catch(() => left);
    for (const { id, mark } of left.waiting) {
      const request = { name: `workflows/-/runs/${id}`, dataJson: JSON.stringify({ mark }) };
      await client.runs.resumeRun(request, { deadlineMs: 5_000 }).catch(() => undefined);
    }
    if (left.count > 0) await sleep(500);
  }
  say(left.count === 0 ? "every run has ended" : `${left.count} runs have not ended`);
}
