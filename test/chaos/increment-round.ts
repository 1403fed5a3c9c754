import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { TestHouse } from "../harness/test-house.ts";
import { until } from "../harness/until.ts";
import { awaitEnd, insist, killAndAwait, type Victim } from "./kill-round.ts";

const WORKFLOW = "counting";
const COUNT_MS = 180_000;

/** Each run counts in a counter of its own and in one that all of them share, and keeps what it was told. */
const SOURCE = `import time

def handler(pd):
    ds, event = pd.inputs["data_store"], pd.steps["trigger"]["event"]
    sums = []
    for _ in range(event["times"]):
        sums.append(ds.increment(event["round"]))
        ds.increment(event["round"] + ":" + pd.context["run"]["id"])
        ds.append("log:" + event["round"] + ":" + pd.context["run"]["id"], sums[-1])
        time.sleep(0.02)
    return sums
`;

/** What is read back, by the code of a step as well. */
const READ = `def handler(pd):
    ds, name = pd.inputs["data_store"], pd.steps["trigger"]["event"]["round"]
    own = {key.split(":")[1]: value for key, value in ds.items(prefix=name + ":")}
    logs = {key.split(":")[2]: value for key, value in ds.items(prefix="log:" + name + ":")}
    return {"total": ds.get(name, 0), "own": own, "logs": logs}
`;

export interface IncrementRoundOptions {
  /** Runs at the same time. */
  readonly runs: number;
  /** Increments of each. */
  readonly times: number;
  readonly order: readonly Victim[];
  readonly say: (line: string) => void;
}

/** Deploys the workflows that count and that read what was counted. */
export async function deployCounting(house: TestHouse): Promise<void> {
  // What dies takes its time to come back, and the step waits for it.
  const settings = { stepTimeout: "15m", runTimeout: "20m" };
  await house.deploy({ name: WORKFLOW, trigger: { http: {} }, steps: { count: SOURCE }, settings });
  await house.deploy({ name: `${WORKFLOW}-read`, trigger: { http: {} }, steps: { read: READ } });
}

/**
 * Starts all runs, kills the victims one after another with SIGKILL while they count, and fails when at the end an increment is
 * missing, was made twice, or told two runs the same sum.
 */
export async function incrementRound(house: TestHouse, options: IncrementRoundOptions): Promise<void> {
  const round = randomUUID();
  const { runs, times } = options;
  const ids = await Promise.all(
    Array.from({ length: runs }, () => {
      const eventJson = JSON.stringify({ round, times });
      const request = { parent: `workflows/${WORKFLOW}`, eventJson, requestId: randomUUID(), waitTimeout: undefined };
      return insist(async () => (await house.client.runs.createRun(request)).id, "a submit");
    }),
  );
  for (const [index, victim] of options.order.entries()) {
    // Each death comes in the middle of the work, at another place.
    const enough = ((index + 0.5) / (options.order.length + 1)) * runs * times;
    await until(async () => (await readTotal(house, round)) >= enough, COUNT_MS);
    await killAndAwait(house, victim, options.say);
    options.say(`  ${await readTotal(house, round)} of ${runs * times} increments`);
  }
  const ended = await Promise.all(ids.map((id) => awaitEnd(house, id)));
  for (const { id, state, failure } of ended) assert.equal(state, "SUCCEEDED", `run ${id}: ${JSON.stringify(failure)}`);
  const { total, own, logs } = await readCounts(house, round);
  assert.equal(total, runs * times, "the shared counter");
  assert.deepEqual(own, Object.fromEntries(ids.map((id) => [id, times])), "the runs' own counters");
  const told = ended.flatMap(({ steps }) => steps[0]!.returnValue as number[]).sort((a, b) => a - b);
  const each = Array.from({ length: runs * times }, (_, n) => n + 1);
  assert.deepEqual(told, each, "every sum was told once");
  assert.deepEqual(
    logs,
    Object.fromEntries(ended.map(({ id, steps }) => [id, steps[0]!.returnValue])),
    "what was appended",
  );
}

/** The shared counter, over the API. */
function readTotal(house: TestHouse, round: string): Promise<number> {
  const request = { parent: "dataStores/default", key: round };
  return insist(async () => Number((await house.client.dataStores.getDataStoreRecord(request)).valueJson), "a counter");
}

interface Counts {
  readonly total: number;
  readonly own: Record<string, number>;
  readonly logs: Record<string, number[]>;
}

async function readCounts(house: TestHouse, round: string): Promise<Counts> {
  const run = await insist(() => house.run(`${WORKFLOW}-read`, { round }), "reading the counters");
  assert.equal(run.state, "SUCCEEDED", JSON.stringify(run.failure));
  return run.steps[0]!.returnValue as Counts;
}
