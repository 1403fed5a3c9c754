import assert from "node:assert/strict";
import { readStatus } from "@millrace/cli";
import { parseOptions } from "../harness/parse-options.ts";
import { TestHouse } from "../harness/test-house.ts";
import { memoryByRole } from "../bench/process-usage.ts";
import { deployCounting, incrementRound } from "./increment-round.ts";

const values = parseOptions(
  "npm run test:stores",
  "Counts in data stores while gateways and runners are killed, and lists a store with a million keys in bounded memory.",
  {
    times: { type: "string", value: "N", default: "5", about: "rounds of 64 runs that count" },
    keys: { type: "string", value: "N", default: "1000000", about: "keys to list; 0 leaves that out" },
  },
);

/** Most MiB that listing may take beyond what the process needs anyway. */
const GROWTH_MAX_MB = 48;
const PAGE = 1000;
const FILLERS = 8;

const FILL = `def handler(pd):
    ds, event = pd.inputs["data_store"], pd.steps["trigger"]["event"]
    ds.set_many({f"key:{n:08}": n for n in range(event["from"], event["to"])})
    return len(ds)
`;

const LIST = `import resource

def handler(pd):
    ds = pd.inputs["data_store"]
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    next(iter(ds.items()))
    before = peak()
    last, keys, total = "", 0, 0
    for key in ds:
        assert key > last
        last = key
        keys += 1
    for key, value in ds.items():
        total += value
    return {"keys": keys, "total": total, "len": len(ds), "growth_mb": peak() - before}
`;

async function listMany(house: TestHouse, keys: number): Promise<void> {
  const inputs = (step: string) => ({ [step]: { data_store: { store: "million" } } });
  const settings = { stepTimeout: "20m", runTimeout: "30m", memory: "512 MB" };
  await house.deploy({ name: "fill", trigger: { http: {} }, steps: { fill: FILL }, inputs: inputs("fill"), settings });
  await house.deploy({ name: "list", trigger: { http: {} }, steps: { list: LIST }, inputs: inputs("list"), settings });
  let next = 0;
  const size = 20 * PAGE;
  await Promise.all(
    Array.from({ length: FILLERS }, async () => {
      for (let from = next; from < keys; from = next) {
        next = Math.min(from + size, keys);
        const run = await house.run("fill", { from, to: Math.min(from + size, keys) });
        assert.equal(run.state, "SUCCEEDED", JSON.stringify(run.failure));
      }
    }),
  );
  console.log(`${keys} keys are written`);
  const idle = memoryByRole(await house.processes());
  const startedAt = performance.now();
  const request = { parent: "workflows/list", eventJson: "{}", requestId: "", waitTimeout: undefined };
  const run = await house.client.runs.createRun(request);
  let gatewayMb = 0;
  let listed = await house.getRun(run.id);
  while (listed.state === "PENDING" || listed.state === "RUNNING") {
    gatewayMb = Math.max(gatewayMb, memoryByRole(await house.processes()).get("gateway") ?? 0);
    await house.client.runs.waitRun({ name: `workflows/-/runs/${run.id}`, timeout: { seconds: 1, nanos: 0 } });
    listed = await house.getRun(run.id);
  }
  assert.equal(listed.state, "SUCCEEDED", JSON.stringify(listed.failure));
  const { growth_mb: growthMb, ...found } = listed.steps[0]!.returnValue as Record<string, number>;
  assert.deepEqual(found, { keys, total: (keys * (keys - 1)) / 2, len: keys });
  const gatewayGrowthMb = gatewayMb - (idle.get("gateway") ?? 0);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(
    `${keys} keys listed twice in ${seconds} s; the step grew by ${growthMb!.toFixed(1)} MiB, the gateway by ${gatewayGrowthMb.toFixed(1)} MiB`,
  );
  assert.ok(growthMb! <= GROWTH_MAX_MB, `the step grew by ${growthMb} MiB`);
  assert.ok(gatewayGrowthMb <= 4 * GROWTH_MAX_MB, `the gateway grew by ${gatewayGrowthMb} MiB`);
}

const rounds = Number(values.times);
const house = await TestHouse.start({ separate: true, environment: { MILLRACE_SLOTS: "66" } });
let passed = 0;
try {
  await deployCounting(house);
  for (let round = 0; round < rounds; round++) {
    console.log(`round ${round + 1} of ${rounds}`);
    const order = ["gateway", "runner", "gateway", "runner"] as const;
    await incrementRound(house, { runs: 64, times: 100, order, say: console.log });
    passed++;
  }
  if (Number(values.keys) > 0) await listMany(house, Number(values.keys));
} catch (error) {
  process.exitCode = 1;
  console.error(error);
  console.error(house.log);
  console.error(JSON.stringify(await readStatus(house.data)));
} finally {
  await house.stop();
}
console.log(`${passed} passed, ${rounds - passed} failed`);
