import assert from "node:assert/strict";
import type { TestHouse } from "../harness/test-house.ts";
import { HttpConnection } from "./http-connection.ts";
import { BODY } from "./http-latency.ts";
import { quantiles, timeCalls } from "./quantiles.ts";

const PRINT = `def handler(pd):
    event = pd.steps["trigger"]["event"]
    for n in range(event["lines"]):
        print(f"{n:08} {'x' * 90}")
`;

const ANSWER = (lines: number) => `def handler(pd):
    for n in range(${lines}):
        print(f"{n:08} {'x' * 90}")
    pd.respond({"status": 200, "body": "done"})
`;

/** What logging carries, and what it costs those who log and those beside them. */
export interface LogFigures {
  /** Lines of 100 bytes from one step, from its start until the last can be read. */
  readonly lines_per_s: number;
  /** A warm answer of a step that prints nothing, ten lines, and nothing beside a step that prints without a pause. */
  readonly answer_p50_ms: number;
  readonly answer_with_10_lines_p50_ms: number;
  readonly answer_beside_a_flood_p50_ms: number;
}

/** Log throughput, and its cost to the latency of runs. */
export async function measureLogs(house: TestHouse, count: number): Promise<LogFigures> {
  const settings = { logs: "256MiB", stepTimeout: "5m" };
  await house.deploy({ name: "bench-logs", trigger: { http: {} }, steps: { print: PRINT }, settings });
  await house.run("bench-logs", { lines: 10 });
  const lines = Math.ceil(50 * count);
  const startMs = performance.now();
  await printed(house, lines);
  const seconds = (performance.now() - startMs) / 1000;
  const silent = await answerP50(house, "bench-silent", 0, count);
  const talking = await answerP50(house, "bench-talking", 10, count);
  return {
    lines_per_s: Math.round(lines / seconds),
    answer_p50_ms: silent,
    answer_with_10_lines_p50_ms: talking,
    answer_beside_a_flood_p50_ms: await besideFlood(house, count),
  };
}

/** Runs the step that prints, and reads the last page of its log. */
async function printed(house: TestHouse, lines: number): Promise<void> {
  const run = await house.run("bench-logs", { lines });
  assert.equal(run.state, "SUCCEEDED", JSON.stringify(run.failure));
}

async function answerP50(house: TestHouse, name: string, lines: number, count: number): Promise<number> {
  const trigger = { http: { respond: "workflow" } };
  const { url } = await house.deploy({ name, trigger, steps: { answer: ANSWER(lines) } });
  const connection = await HttpConnection.open(url, BODY);
  const times = await timeCalls(count, () => connection.post());
  connection.close();
  return quantiles(times).p50;
}

async function besideFlood(house: TestHouse, count: number): Promise<number> {
  let over = false;
  const flood = (async () => {
    while (!over) await printed(house, 20_000);
  })();
  const p50 = await answerP50(house, "bench-beside", 0, count);
  over = true;
  await flood;
  return p50;
}
