import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";

import { readStatus } from "@millrace/cli";
import { OpenLoop } from "../bench/open-loop.ts";
import { figuresOf } from "../bench/overload.ts";
import { TestHouse } from "../harness/test-house.ts";
import { until } from "../harness/until.ts";

/** Tells when each run enters and leaves its step. */
const source = (port: number, workMs: number): string => `
import time
import urllib.request


def tell(what, run):
    urllib.request.urlopen(f"http://127.0.0.1:${port}/{what}/{run}", timeout=60).read()


def handler(pd):
    run = pd.steps["trigger"]["context"]["id"]
    tell("enter", run)
    time.sleep(${workMs / 1000})
    tell("leave", run)
`;

const SLOW = `
import time


def handler(pd):
    time.sleep(0.05)
    pd.respond({"status": 200, "body": "done"})
`;

describe("a workflow with a concurrency limit", () => {
  let house: TestHouse;
  let server: Server;
  let port: number;
  let told: string[] = [];
  /** What steps wait for that tell something. */
  let gate: Promise<void> = Promise.resolve();

  before(async () => {
    server = createServer((request, response) => {
      told.push(request.url ?? "");
      void gate.then(() => response.end());
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
      steps: { work: source(port, 0) },
      settings: { concurrency: 1, queueLimit: 2 },
    });
    told = [];
    const { promise, resolve: letGo } = Promise.withResolvers<void>();
    gate = promise;
    const ids = [await start("full")];
    await until(() => told.length === 1, 30_000);
    ids.push(await start("full"), await start("full"));
    await assert.rejects(start("full"), { reason: "QUEUE_FULL" });
    const response = await fetch(url, { method: "POST" });
    assert.equal(response.status, 429);
    assert.ok(Number(response.headers.get("retry-after")) > 0);
    letGo();
    await Promise.all(ids.map((id) => house.waitRun(id)));
    assert.equal((await fetch(url, { method: "POST" })).status, 200);
  });

  test("more callers than get their answers in time are refused at once, and nobody else", async () => {
    const slow = { steps: { work: SLOW }, settings: { concurrency: 2 } };
    const answering = { trigger: { http: { respond: "workflow" } } };
    const waited = await house.deploy({ name: "over", ...answering, ...slow });
    const handedIn = await house.deploy({ name: "over-later", trigger: { http: {} }, ...slow });
    const quiet = await house.deploy({ name: "beside", ...answering, steps: slow.steps });
    const loops = [waited, handedIn, quiet].map(({ url }) => new OpenLoop(url, "{}")) as [OpenLoop, OpenLoop, OpenLoop];
    // The first answers, with their environments started: until there are some, nothing can be measured.
    for (const loop of loops) await loop.offer(10, 1);
    // Two runs of 50 ms at a time are 40 a second at the most.
    const [over, ...others] = await Promise.all([loops[0].offer(100, 6), loops[1].offer(20, 6), loops[2].offer(3, 6)]);
    const { refused, broken } = figuresOf(over, 6);
    assert.ok(refused > 100, `${refused} of ${over.samples.length} were refused`);
    // Unbounded, whoever comes after four seconds waits for six at least.
    const late = over.samples.filter(({ atMs, status, ms }) => atMs > 4_000 && status === 200 && ms > 6_000);
    assert.deepEqual([broken, late], [0, []]);
    for (const { samples } of others) assert.deepEqual([...new Set(samples.map(({ status }) => status))], [200]);
    await until(async () => (await fetch(waited.url, { method: "POST", body: "{}" })).status === 200);
    for (const loop of loops) loop.close();
  });
});
