import { Agent, request } from "node:http";
import type { TestHouse } from "../harness/test-house.ts";
import { quantiles, round, timeCalls, timeConcurrently, type Quantiles } from "./quantiles.ts";

const BODY = JSON.stringify({ id: 1, name: "Bulbasaur", type: "plant" });

const RESPOND = (immediate: boolean) => `def handler(pd):
    body = pd.steps["trigger"]["event"]["body"]
    pd.respond({"status": 200, "body": {"name": body["name"]}, "immediate": ${immediate ? "True" : "False"}})
`;

/** One POST over a kept connection; fails on any other status than 200. */
export function post(agent: Agent, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(BODY) };
    const sent = request(url, { method: "POST", agent, headers }, (response) => {
      response.resume();
      response.on("end", () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`${url} answered ${response.statusCode}`));
      });
    });
    sent.on("error", reject);
    sent.end(BODY);
  });
}

export function keepAlive(sockets: number): Agent {
  return new Agent({ keepAlive: true, maxSockets: sockets });
}

/** A warm run with one step whose answer the caller waits for, one after the other. */
export async function measureWarmHttp(house: TestHouse, immediate: boolean, count: number): Promise<Quantiles> {
  const name = immediate ? "bench-immediate" : "bench-respond";
  const { url } = await house.deploy({
    name,
    triggers: [{ http: { respond: "workflow" } }],
    steps: { answer: RESPOND(immediate) },
  });
  const agent = keepAlive(1);
  const times = await timeCalls(count, () => post(agent, url));
  agent.destroy();
  return quantiles(times);
}

/** The same with 16 callers. */
export async function measureHttp16(house: TestHouse, count: number) {
  const { url } = await house.deploy({
    name: "bench-16",
    triggers: [{ http: { respond: "workflow" } }],
    steps: { answer: RESPOND(false) },
  });
  const agent = keepAlive(16);
  await timeConcurrently(Math.ceil(count / 4), 16, () => post(agent, url));
  const { times, seconds } = await timeConcurrently(count, 16, () => post(agent, url));
  agent.destroy();
  return { rps: Math.round(times.length / seconds), p99_ms: quantiles(times).p99 };
}

/** The first request to a version that no environment has run. */
export async function measureColdStart(house: TestHouse, count: number) {
  const agent = keepAlive(1);
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const { url } = await house.deploy({
      name: `bench-cold-${i}`,
      triggers: [{ http: { respond: "workflow" } }],
      steps: { answer: RESPOND(false) },
    });
    // The pool of blank interpreters fills up again meanwhile, as it does between two deploys of people.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const startMs = performance.now();
    await post(agent, url);
    times.push(performance.now() - startMs);
  }
  agent.destroy();
  const { p50, p99 } = quantiles(times);
  return { p50, p99: round(p99) };
}
