import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { ReflectionClient } from "../harness/reflection-client.ts";
import { TestHouse } from "../harness/test-house.ts";

const runs = "millrace.api.v1.RunService";

describe("the gRPC API for clients that know nothing but its address", () => {
  let house: TestHouse;
  let client: ReflectionClient;

  before(async () => {
    house = await TestHouse.start();
    client = new ReflectionClient(house.grpc, house.apiKey);
    await house.deploy({
      name: "reflected",
      trigger: { http: {} },
      steps: {
        first: "import time\ndef handler(pd):\n    time.sleep(0.3)\n    return pd.steps['trigger']['event']['n'] + 1\n",
        second: "def handler(pd):\n    return pd.steps['first']['$return_value'] * 2\n",
      },
    });
  });
  after(async () => {
    client?.close();
    await house?.stop();
  });

  test("its address stands at a known place", async () => {
    const response = await fetch(`${house.url}/.well-known/millrace`);
    const described = (await response.json()) as { grpc: string };
    assert.equal(described.grpc, house.grpc);
  });

  test("it lists its services", async () => {
    const services = await client.listServices();
    for (const name of ["WorkflowService", "RunService", "VariableService", "HouseService"]) {
      assert.ok(services.includes(`millrace.api.v1.${name}`), services.join());
    }
    assert.ok(services.includes("grpc.health.v1.Health"), services.join());
  });

  test("it creates a run and watches it to its end", async () => {
    const created = await client.call(runs, "CreateRun", { parent: "workflows/reflected", event_json: '{"n": 4}' });
    const messages = await client.stream(runs, "WatchRun", { name: created["name"] });
    const states = messages.map((message) => (message["run"] as { state: string }).state);
    assert.equal(states.at(-1), "RUN_STATE_SUCCEEDED", states.join());
    const last = messages.at(-1)?.["run"] as { steps: { return_value_json: string }[] };
    assert.deepEqual(
      last.steps.map(({ return_value_json }) => return_value_json),
      ["5", "10"],
    );
  });

  test("a call without a key is refused, and one with bad input says what is wrong", async () => {
    const stranger = new ReflectionClient(house.grpc, "mk_wrong");
    await assert.rejects(stranger.call(runs, "ListRuns", {}), { code: 16 });
    stranger.close();
    await assert.rejects(client.call(runs, "CreateRun", { parent: "workflows/nobody" }), { code: 5 });
    await assert.rejects(client.call(runs, "CreateRun", { parent: "workflows/reflected", event_json: "{broken" }), {
      code: 3,
    });
    await assert.rejects(client.call(runs, "GetRun", { name: "not/a/name" }), { code: 3 });
  });

  test("it answers health", async () => {
    const health = await client.call("grpc.health.v1.Health", "Check", {});
    assert.equal(health["status"], "SERVING");
  });
});
