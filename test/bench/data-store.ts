import assert from "node:assert/strict";
import type { TestHouse } from "../harness/test-house.ts";
import { round } from "./quantiles.ts";

/**
 * Measured where users feel it, in the code of a step: one call after the other, on 200-byte values. Half as many of each first: what
 * is called for the first time in a house takes half as long again, and would be the cost of whichever comes first.
 */
const SOURCE = `import time

def handler(pd):
    ds, count = pd.inputs["data_store"], pd.steps["trigger"]["event"]["count"]
    value = {"name": "Bulbasaur", "notes": "x" * 160}

    def p50(call, count):
        times = []
        for n in range(count):
            start = time.perf_counter_ns()
            call(f"key:{n % 100}")
            times.append(time.perf_counter_ns() - start)
        return sorted(times)[count // 2] / 1e6

    for n in range(100):
        ds[f"key:{n}"] = value
    calls = {"set": lambda key: ds.set(key, value), "get": ds.get, "increment": lambda key: ds.increment("n")}
    for call in calls.values():
        p50(call, count // 2)
    return {name: p50(call, count) for name, call in calls.items()}
`;

/** Milliseconds of one call in the middle, by what is called. */
export interface DataStoreFigures {
  readonly get: number;
  readonly set: number;
  readonly increment: number;
}

/** Gets, sets and increments of a data store from user code. */
export async function measureDataStore(house: TestHouse, count: number): Promise<DataStoreFigures> {
  const settings = { stepTimeout: "5m" };
  await house.deploy({ name: "bench-store", trigger: { http: {} }, steps: { measure: SOURCE }, settings });
  const run = await house.run("bench-store", { count: Math.ceil(count) });
  assert.equal(run.state, "SUCCEEDED", JSON.stringify(run.failure));
  const { get, set, increment } = run.steps[0]!.returnValue as DataStoreFigures;
  return { get: round(get), set: round(set), increment: round(increment) };
}
