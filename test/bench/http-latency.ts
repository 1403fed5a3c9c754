import type { TestHouse } from "../harness/test-house.ts";
import { HttpConnection } from "./http-connection.ts";
import { measureLoad, type LoadFigures } from "./load.ts";
import { quantiles, round, timeCalls, type Quantiles } from "./quantiles.ts";

/** What every measured request posts. */
export const BODY = JSON.stringify({ id: 1, name: "Bulbasaur", type: "plant" });

const RESPOND = (immediate: boolean) => `def handler(pd):
    body = pd.steps["trigger"]["event"]["body"]
    pd.respond({"status": 200, "body": {"name": body["name"]}, "immediate": ${immediate ? "True" : "False"}})
`;

/** Deploys a workflow whose one step answers its caller; returns its address. */
export async function deployAnswering(house: TestHouse, name: string, immediate = false): Promise<string> {
  const steps = { answer: RESPOND(immediate) };
  return (await house.deploy({ name, triggers: [{ http: { respond: "workflow" } }], steps })).url;
}

/** A warm run with one step whose answer the caller waits for, one after the other. */
export async function measureWarmHttp(house: TestHouse, immediate: boolean, count: number): Promise<Quantiles> {
  const url = await deployAnswering(house, immediate ? "bench-immediate" : "bench-respond", immediate);
  const connection = await HttpConnection.open(url, BODY);
  const times = await timeCalls(count, () => connection.post());
  connection.close();
  return quantiles(times);
}

/** The same with 16 callers. */
export async function measureHttp16(house: TestHouse, count: number): Promise<LoadFigures> {
  return measureLoad(house, { url: await deployAnswering(house, "bench-16"), body: BODY, callers: 16, count });
}

/** The first request to a version that no environment has run. */
export async function measureColdStart(house: TestHouse, count: number) {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const connection = await HttpConnection.open(await deployAnswering(house, `bench-cold-${i}`), BODY);
    // The pool of blank interpreters fills up again meanwhile, as it does between two deploys of people.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const startMs = performance.now();
    await connection.post();
    times.push(performance.now() - startMs);
    connection.close();
  }
  const { p50, p99 } = quantiles(times);
  return { p50, p99: round(p99) };
}
