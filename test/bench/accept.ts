import type { TestHouse } from "../harness/test-house.ts";
import { BODY } from "./http-latency.ts";
import { measureLoad, type LoadFigures } from "./load.ts";

const CALLERS = 64;
/** More than anything here accepts. */
const QUEUE_LIMIT = 2_000_000;

/** Deploys a workflow into a pool that has no runner; returns its address. */
async function deployWaiting(house: TestHouse): Promise<string> {
  const source = "def handler(pd):\n    return 1\n";
  const settings = { pool: "bench-nobody", queueLimit: QUEUE_LIMIT };
  return (await house.deploy({ name: "bench-accept", triggers: [{ http: {} }], settings, steps: { wait: source } }))
    .url;
}

/** How many requests a second become durable runs. */
export async function measureAccept(house: TestHouse, count: number): Promise<LoadFigures> {
  return measureLoad(house, { url: await deployWaiting(house), body: BODY, callers: CALLERS, count });
}
