import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, test } from "node:test";
import { encodeRunToken, PlatformError } from "@millrace/core";
import { houseApi, variableApi, workflowApi } from "@millrace/protocol";
import { TOKEN_KEY } from "../harness/scripted-runner.ts";
import { accept, startTestGateways, type TestGateways } from "../harness/test-gateway.ts";
import { until } from "../harness/until.ts";
import { recordRun } from "../harness/record-run.ts";

let house: TestGateways;
let workflow: workflowApi.Workflow;

before(async () => {
  house = await startTestGateways(1, {
    MILLRACE_SUBMIT_TIMEOUT_MS: "300",
    MILLRACE_CUT_OFF_AFTER_MS: "600",
    MILLRACE_DEFINITIONS_CHECK_MS: "200",
    MILLRACE_DATABASE_TIMEOUT_MS: "1000",
  });
  house.onSubmit = (submit) => accept(house, submit);
  workflow = await house.client(workflowApi.WorkflowServiceService).deployWorkflow({
    name: "",
    definitionJson: JSON.stringify({ name: "x", trigger: { http: {} }, steps: [{ name: "a", python: "a.py" }] }),
    sources: { "a.py": "" },
    checkTimeout: undefined,
    modules: {},
    upgradePackages: false,
    packageTimeout: undefined,
  });
});

after(() => house.close());

function request(): Promise<Response> {
  const { pathname } = new URL(workflow.triggers[0]!.url);
  return fetch(`http://127.0.0.1:${house.gateways[0]!.httpPort}${pathname}`);
}

async function trigger(): Promise<number> {
  return (await request()).status;
}

const houseNow = () => house.client(houseApi.HouseServiceService).getHouse({});

test("a change whose announcement was lost is served by the next comparison", async () => {
  assert.equal(await trigger(), 200);
  await house.store.workflows.setEnabled(house.projectId, workflow.id, false);
  await until(async () => (await trigger()) === 404);
  await house.store.workflows.setEnabled(house.projectId, workflow.id, true);
  await until(async () => (await trigger()) === 200);
});

test("without NATS requests get 503, and with it again they are served", async () => {
  await house.nats.stop("SIGKILL");
  await until(async () => !(await houseNow()).brokerConnected);
  assert.equal(await trigger(), 503);
  // After a while nobody is kept waiting for nothing.
  await until(async () => (await (await request()).text()).includes("GATEWAY_CUT_OFF"));
  await house.nats.restart();
  await until(() => house.bus.connected);
  await until(async () => (await trigger()) === 200);
});

test("without Postgres triggers and runners are served from memory, the API says what is away, and all heals", async () => {
  const variables = house.client(variableApi.VariableServiceService);
  await variables.setVariable({ variable: { name: "variables/A", value: "1", secret: false, updateTime: undefined } });
  const mac = (data: Uint8Array) => createHmac("sha256", Buffer.from(TOKEN_KEY, "hex")).update(data).digest();
  const runToken = encodeRunToken(
    {
      projectId: house.projectId,
      workflowId: workflow.id,
      versionId: workflow.versionId,
      runId: await recordRun(house.databaseUrl, { projectId: house.projectId }),
      assignment: 1,
      runner: "runner",
      expiresAtMs: Date.now() + 600_000,
    },
    mac,
  );
  const ask = async () => {
    const options = { timeoutMs: 10_000 };
    const { variables: found } = await house.channels.environment().request({ runToken, knownGeneration: 0 }, options);
    const { version } = await house.channels.version().request({ runToken }, options);
    return [found["A"], version?.steps[0]?.name];
  };
  assert.deepEqual(await ask(), ["1", "a"]);
  await house.postgres.stop("SIGQUIT");
  assert.equal(await trigger(), 200);
  assert.deepEqual(await ask(), ["1", "a"]);
  const seen = await houseNow();
  assert.equal(seen.databaseConnected, false);
  assert.equal(seen.brokerConnected, true);
  const refused: unknown = await house
    .client(workflowApi.WorkflowServiceService)
    .listWorkflows({ pageSize: 0, pageToken: "" })
    .catch((thrown: unknown) => thrown);
  assert.ok(refused instanceof PlatformError);
  assert.equal(refused.kind, "Unavailable");
  await house.postgres.restart();
  await until(async () => (await houseNow()).databaseConnected);
  const listed = await house.client(workflowApi.WorkflowServiceService).listWorkflows({ pageSize: 0, pageToken: "" });
  assert.equal(listed.workflows.length, 1);
});
