import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";

import { readStatus } from "@millrace/cli";
import { TestHouse } from "../harness/test-house.ts";
import { until } from "../harness/until.ts";

/** Tells when each run enters and leaves its step. */
const source = (port: number, workMs: number): string => `
import time
import urllib.request


def tell(what, run):
    urllib.request.urlopen(f"http://127.0.0.1:${port}/{what}/{run}", timeout=10).read()


def handler(pd):
    run = pd.steps["trigger"]["context"]["id"]
    tell("enter", run)
    time.sleep(${workMs / 1000})
    tell("leave", run)
`;

describe("a workflow with a concurrency limit", () => {
  let house: TestHouse;
  let server: Server;
  let port: number;
  let told: string[] = [];

  before(async () => {
    server = createServer((request, response) => {
      told.push(request.url ?? "");
      response.end();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
    house = await TestHouse.start();
  });
  after(async () => {
    await house?.stop();
    server?.closeAllConnections();
    server?.close();
  });

  async function start(workflow: string): Promise<string> {
    const parent = `workflows/${workflow}`;
    return (await house.client.runs.createRun({ parent, eventJson: "{}", requestId: "", waitTimeout: undefined })).id;
  }

  test("at limit 1, runs start in the order they were accepted and never overlap", async () => {
    await house.deploy({
      name: "one",
      trigger: { http: {} },
      steps: { work: source(port, 20) },
      settings: { concurrency: 1 },
    });
    told = [];
    const ids: string[] = [];
    for (let n = 0; n < 12; n++) ids.push(await start("one"));
    await Promise.all(ids.map((id) => house.waitRun(id)));
    assert.deepEqual(
      told,
      ids.flatMap((id) => [`/enter/${id}`, `/leave/${id}`]),
    );
  });

  test("a runner that dies does not let the limit be exceeded", async () => {
    await house.deploy({
      name: "fenced",
      trigger: { http: {} },
      steps: { work: source(port, 1500) },
      settings: { concurrency: 1 },
    });
    told = [];
    const ids = [await start("fenced"), await start("fenced")];
    await until(() => told.length === 1, 30_000);
    const runner = (await readStatus(house.data)).processes.find(({ role }) => role === "runner");
    process.kill(Number(runner?.pid), "SIGKILL");
    const runs = await Promise.all(ids.map((id) => house.waitRun(id)));
    assert.deepEqual(
      runs.map(({ state }) => state),
      ["SUCCEEDED", "SUCCEEDED"],
    );
    const [first, second] = ids;
    // The first run begins again elsewhere; whether its first environment still came to its end is open.
    assert.deepEqual(
      told.filter((line) => !line.endsWith(`leave/${first}`)),
      [`/enter/${first}`, `/enter/${first}`, `/enter/${second}`, `/leave/${second}`],
    );
    assert.ok(told.lastIndexOf(`/leave/${first}`) < told.indexOf(`/enter/${second}`), told.join());
  });

  test("a full queue says so, by HTTP with Retry-After and by gRPC, and takes runs again later", async () => {
    const { url } = await house.deploy({
      name: "full",
      trigger: { http: {} },
      steps: { work: source(port, 1500) },
      settings: { concurrency: 1, queueLimit: 2 },
    });
    const ids: string[] = [];
    let refusal: unknown;
    for (let n = 0; n < 8 && refusal === undefined; n++) {
      await start("full").then(
        (id) => ids.push(id),
        (error: unknown) => (refusal = error),
      );
    }
    assert.equal((refusal as { reason?: string }).reason, "QUEUE_FULL");
    assert.ok(ids.length >= 2 && ids.length <= 4, String(ids.length));
    const response = await fetch(url, { method: "POST" });
    assert.equal(response.status, 429);
    assert.ok(Number(response.headers.get("retry-after")) > 0);
    await Promise.all(ids.map((id) => house.waitRun(id)));
    assert.equal((await fetch(url, { method: "POST" })).status, 200);
  });
});
