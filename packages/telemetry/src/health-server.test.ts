import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startHealthServer, type HealthServer } from "./health-server.ts";
import { createMetrics } from "./metrics.ts";

let health: HealthServer;
let natsProblem: string | undefined;
let stuck = false;

async function get(path: string, method = "GET"): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${health.port}${path}`, { method });
  return { status: response.status, text: await response.text() };
}

before(async () => {
  const metrics = createMetrics();
  metrics.counter("hits_total", "Hits.").add();
  health = await startHealthServer({
    port: 0,
    checks: {
      nats: () => natsProblem,
      database: () => (stuck ? new Promise(() => {}) : Promise.resolve(undefined)),
    },
    status: () => ({ partitions: [1, 2] }),
    metrics,
    checkTimeoutMs: 50,
  });
});

after(() => health.close());

describe("the health server", () => {
  test("says that the process lives, whatever it waits for", async () => {
    natsProblem = "disconnected";
    assert.deepEqual(await get("/livez"), { status: 200, text: "ok\n" });
    natsProblem = undefined;
  });

  test("says whether the process is ready, and why not", async () => {
    assert.deepEqual(await get("/readyz"), { status: 200, text: '{"ready":true,"problems":{}}\n' });
    natsProblem = "disconnected";
    stuck = true;
    const { status, text } = await get("/readyz");
    assert.equal(status, 503);
    const problems = { nats: "disconnected", database: "no answer within 50 ms" };
    assert.deepEqual(JSON.parse(text), { ready: false, problems });
    natsProblem = undefined;
    stuck = false;
  });

  test("tells metrics and status, and nothing else", async () => {
    assert.match((await get("/metrics")).text, /hits_total 1/);
    assert.deepEqual(JSON.parse((await get("/status")).text), { ready: true, problems: {}, partitions: [1, 2] });
    assert.equal((await get("/elsewhere")).status, 404);
    assert.equal((await get("/livez", "POST")).status, 405);
  });

  test("names the port that is taken", async () => {
    const second = startHealthServer({ port: health.port, checks: {} });
    await assert.rejects(second, {
      reason: "PORT_TAKEN",
      metadata: { setting: "MILLRACE_HEALTH_PORT", port: String(health.port) },
    });
  });

  test("is not ready once a stop has begun", async () => {
    health.drain();
    assert.equal((await get("/readyz")).status, 503);
    assert.equal((await get("/livez")).status, 200);
  });
});
