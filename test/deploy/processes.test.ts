import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { DeployedHouse, DeployKit, probe, type HousePlans } from "./harness/deployed-house.ts";
import { planOfPod, planOfService, readCompose, readRendered, type Manifest } from "./harness/manifests.ts";
import type { StartedContainer } from "./harness/started-container.ts";
import { until } from "../harness/until.ts";

const checkout = join(import.meta.dirname, "../..");
const ANSWER = `def handler(pd):
    event = pd.steps["trigger"]["event"]
    pd.respond({"status": 200, "body": {"hello": event["body"]["name"]}})
`;
const SLOW = `import time
def handler(pd):
    time.sleep(2)
    pd.respond({"status": 200, "body": "finished"})
`;

async function post(url: string, body: unknown): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
}

/** The same promises hold however a house is started. */
function shows(plans: (env: Record<string, string>) => HousePlans, name: string): void {
  let kit: DeployKit;
  let house: DeployedHouse;

  before(async () => {
    kit = new DeployKit();
    house = await DeployedHouse.start(kit, name, plans(await kit.init()));
  });
  after(() => house?.stop());

  it("answers a trigger from a step in its sandbox", async () => {
    const url = await house.deploy("hello", ANSWER);
    const answer = await post(url, { name: "Ada" });
    assert.deepEqual([answer.status, await answer.json()], [200, { hello: "Ada" }]);
  });

  it("says how it is: to probes, to the image's health check, to what scrapes it", async () => {
    for (const container of [house.gateway, house.scheduler, house.runner]) {
      assert.equal(await probe(container, "/livez"), 200);
      assert.equal(await probe(container, "/readyz"), 200);
      const metrics = await (await fetch(`http://127.0.0.1:${container.port("HEALTH")}/metrics`)).text();
      assert.match(metrics, /^millrace_build_info\{release="[\d.]+",role="\w+"\} 1$/m);
      assert.match(metrics, /^millrace_nats_connected 1$/m);
    }
    const [, ...healthcheck] = kit.house.healthcheck;
    assert.equal((await house.gateway.exec(healthcheck)).code, 0);
  });

  it("tells KEDA how much there is to do, at the address and in the fields that the chart names", async () => {
    const { triggers } = readRendered("large").find(({ kind }) => kind === "ScaledObject")!.spec as {
      triggers: { metadata: { url: string; valueLocation: string } }[];
    };
    for (const { metadata } of triggers) {
      const headers = { authorization: `Bearer ${house.apiKey}` };
      const answer = await fetch(`${house.url}${new URL(metadata.url).pathname}`, { headers });
      const pool = (await answer.json()) as Record<string, unknown>;
      assert.deepEqual([answer.status, pool[metadata.valueLocation]], [200, 0], JSON.stringify(pool));
    }
  });

  it("finishes what it has when it is told to stop, each process within its grace period", async () => {
    const url = await house.deploy("slow", SLOW);
    assert.equal((await post(url, {})).status, 200, "the first one makes the environment warm");
    const underWay = post(url, {});
    const metricOf = async (container: StartedContainer, metric: string): Promise<number> => {
      const text = await (await fetch(`http://127.0.0.1:${container.port("HEALTH")}/metrics`)).text();
      return Number(new RegExp(`^${metric}\\S* (\\d+)$`, "m").exec(text)?.[1]);
    };
    await until(async () => (await metricOf(house.runner, "millrace_runner_runs")) > 0);
    // The gateway and the runner before the scheduler that they need, as compose stops who depends on another.
    const codes = Promise.all([house.gateway, house.runner].map((one) => one.stop()));
    const answer = await underWay;
    assert.deepEqual([answer.status, await answer.text()], [200, "finished"]);
    assert.deepEqual(await codes, [0, 0], `${house.gateway.log}${house.runner.log}`);
    assert.equal(await house.scheduler.stop(), 0, house.scheduler.log);
  });
}

describe("the compose file", () => {
  shows((env) => {
    const services = readCompose(env);
    const plan = (name: string) => planOfService(services[name]!);
    return {
      migrate: plan("migrate"),
      scheduler: plan("scheduler"),
      gateway: plan("gateway"),
      runner: plan("runner"),
      nats: readFileSync(join(checkout, "deploy/compose/nats.conf"), "utf8"),
      natsHosts: ["nats://nats:4222"],
    };
  }, "compose");
});

describe("the chart", () => {
  shows(() => {
    const manifests = readRendered("small");
    const find = (kind: string, name: string): Manifest =>
      manifests.find((one) => one.kind === kind && one.metadata.name === `house-millrace-${name}`)!;
    return {
      migrate: planOfPod(find("Job", "migrate-pre-1")),
      scheduler: planOfPod(find("Deployment", "scheduler")),
      gateway: planOfPod(find("Deployment", "gateway")),
      runner: planOfPod(find("Deployment", "runner-default")),
      nats: find("ConfigMap", "nats").data!["nats.conf"]!,
      natsHosts: ["nats://house-millrace-nats-0.house-millrace-nats.runs.svc:4222"],
    };
  }, "chart");
});
