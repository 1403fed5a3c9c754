import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { createRunId, encodeRunToken, PlatformError, type RunTokenClaims } from "@millrace/core";
import { runApi, workflowApi, type control } from "@millrace/protocol";
import {
  accept,
  ask,
  channels,
  deploy,
  house,
  houseOf,
  key,
  newRun,
  otherKey,
  projectId,
  reasonOf,
  runsOf,
  useGateways,
  variablesOf,
  workflowsOf,
} from "../harness/scripted-gateways.ts";
import { TOKEN_KEY } from "../harness/scripted-runner.ts";
import { until } from "../harness/until.ts";
import { recordRun } from "../harness/record-run.ts";

useGateways();

/** Tells the names of this file's own workflows apart. */
let deployments = 0;

describe("the API", () => {
  test("knows its callers by their keys alone", async () => {
    const missing = houseOf({ token: undefined });
    assert.equal(await reasonOf(missing.getHouse({})), "Unauthenticated API_KEY_MISSING");
    for (const token of ["", "x", `${key}x`, key.toUpperCase()]) {
      const reason = await reasonOf(houseOf({ token }).getHouse({}));
      assert.match(reason, /^Unauthenticated API_KEY_/);
    }
  });

  test("takes a key made a moment ago, and none that was revoked", async () => {
    const fresh = await house.store.apiKeys.create(projectId, "fresh");
    await until(async () => (await reasonOf(houseOf({ token: fresh.key }).getHouse({}))) === "nothing");
    await house.store.apiKeys.revoke(projectId, fresh.id);
    await workflowsOf().createWorkflow({
      workflow: { ...workflowApi.Workflow.decode(new Uint8Array()), displayName: `made ${++deployments}` },
    });
    const reason = await reasonOf(houseOf({ token: fresh.key }).getHouse({}));
    assert.equal(reason, "Unauthenticated API_KEY_INVALID");
  });

  test("serves a deploy, a disable and a delete on every gateway when the call returns", async () => {
    house.onSubmit = (submit) => accept(submit);
    const { workflow, path } = await deploy();
    const { name } = workflow;
    const statuses = () => Promise.all([0, 1].map(async (gateway) => (await ask(path, {}, gateway)).status));
    assert.deepEqual(await statuses(), [200, 200]);
    const disabled = await workflowsOf({ gateway: 1 }).disableWorkflow({ name });
    assert.equal(disabled.state, workflowApi.WorkflowState.DISABLED);
    assert.deepEqual(await statuses(), [404, 404]);
    assert.equal(await reasonOf(runsOf().createRun(newRun(name))), "FailedPrecondition WORKFLOW_DISABLED");
    await workflowsOf().enableWorkflow({ name });
    assert.deepEqual(await statuses(), [200, 200]);
    await workflowsOf().deleteWorkflow({ name });
    assert.deepEqual(await statuses(), [404, 404]);
    assert.equal(await reasonOf(workflowsOf().getWorkflow({ name })), "NotFound WORKFLOW_NOT_FOUND");
  });

  test("keeps a trigger's address and counts versions when a workflow is deployed again", async () => {
    const { workflow } = await deploy();
    const again = await workflowsOf().deployWorkflow({
      name: "",
      definitionJson: JSON.stringify({
        name: workflow.displayName,
        trigger: { http: { respond: "workflow" } },
        steps: [{ name: "größer", python: "sub/two.py" }],
      }),
      sources: { "sub/two.py": "" },
      checkTimeout: undefined,
      modules: {},
      upgradePackages: false,
      packageTimeout: undefined,
    });
    assert.equal(again.id, workflow.id);
    assert.equal(again.version, 2);
    assert.notEqual(again.versionId, workflow.versionId);
    assert.deepEqual(again.triggers, workflow.triggers);
    assert.deepEqual(again.stepNames, ["größer"]);
    const byName = await workflowsOf().getWorkflow({ name: `workflows/${workflow.displayName}` });
    assert.equal(byName.version, 2);
    assert.deepEqual((JSON.parse(byName.definitionJson) as { steps: unknown }).steps, [
      { name: "größer", python: "sub/two.py" },
    ]);
  });

  test("refuses a deploy that cannot run, naming every mistake, and changes nothing", async () => {
    const name = `broken ${++deployments}`;
    const send = (definition: object, sources: Record<string, string>) =>
      workflowsOf().deployWorkflow({
        name: "",
        definitionJson: JSON.stringify(definition),
        sources,
        checkTimeout: undefined,
        modules: {},
        upgradePackages: false,
        packageTimeout: undefined,
      });
    const definition = { name, steps: [{ name: "a", python: "a.py" }] };
    assert.equal(await reasonOf(send({ name }, {})), "InvalidArgument INVALID_WORKFLOW");
    assert.equal(await reasonOf(send(definition, {})), "InvalidArgument SOURCE_MISSING");
    assert.equal(await reasonOf(send(definition, { "a.py": "", "b.py": "" })), "InvalidArgument SOURCE_UNUSED");
    assert.equal(await reasonOf(send(definition, { "a.py": "", "../x": "" })), "InvalidArgument SOURCE_UNUSED");
    assert.equal(
      await reasonOf(send(definition, { "a.py": "x".repeat(2_000_000) })),
      "InvalidArgument SOURCE_TOO_LARGE",
    );
    house.problems = [{ fileName: "a.py", line: 3, column: 5, message: "invalid syntax" }];
    const refused: unknown = await send(definition, { "a.py": "def" }).catch((thrown: unknown) => thrown);
    assert.ok(refused instanceof PlatformError);
    assert.equal(refused.reason, "SOURCE_INVALID");
    assert.equal(refused.metadata["problems.0.file"], "a.py");
    assert.equal(refused.metadata["problems.0.line"], "3");
    assert.equal(
      await reasonOf(workflowsOf().getWorkflow({ name: `workflows/${name}` })),
      "NotFound WORKFLOW_NOT_FOUND",
    );
  });

  test("shows nothing of one project to another, whatever a request names", async () => {
    const { workflow } = await deploy();
    const theirs = workflowsOf({ token: otherKey });
    for (const name of [workflow.name, `workflows/${workflow.displayName}`]) {
      assert.equal(await reasonOf(theirs.getWorkflow({ name })), "NotFound WORKFLOW_NOT_FOUND");
      assert.equal(await reasonOf(theirs.disableWorkflow({ name })), "NotFound WORKFLOW_NOT_FOUND");
      assert.equal(await reasonOf(theirs.deleteWorkflow({ name })), "NotFound WORKFLOW_NOT_FOUND");
      assert.equal(await reasonOf(runsOf({ token: otherKey }).createRun(newRun(name))), "NotFound WORKFLOW_NOT_FOUND");
      const tail = runsOf({ token: otherKey }).tailRunLogs({ cursor: "", parent: `${name}/runs/-` });
      assert.equal(await reasonOf(tail), "NotFound WORKFLOW_NOT_FOUND");
    }
    assert.deepEqual((await theirs.listWorkflows({ pageSize: 0, pageToken: "" })).workflows, []);
  });

  test("pages through workflows", async () => {
    await deploy();
    await deploy();
    const names: string[] = [];
    let pageToken = "";
    do {
      const page = await workflowsOf().listWorkflows({ pageSize: 1, pageToken });
      assert.equal(page.workflows.length, 1);
      names.push(page.workflows[0]!.displayName);
      ({ nextPageToken: pageToken } = page);
    } while (pageToken !== "");
    assert.deepEqual(names, [...new Set(names)]);
    assert.ok(names.length >= 2);
    assert.match(await reasonOf(workflowsOf().listWorkflows({ pageSize: -1, pageToken: "" })), /^InvalidArgument/);
    assert.match(
      await reasonOf(workflowsOf().listWorkflows({ pageSize: 1, pageToken: "nonsense" })),
      /^InvalidArgument/,
    );
  });

  const names: [string, (name: string) => Promise<unknown>][] = [
    ["a workflow", (name) => workflowsOf().getWorkflow({ name })],
    ["a run", (name) => runsOf().getRun({ name })],
    ["a variable", (name) => variablesOf().deleteVariable({ name })],
  ];
  for (const [title, call] of names) {
    test(`refuses what is not the name of ${title}`, async () => {
      for (const name of [
        "",
        "x",
        "workflows/",
        "workflows/a/b",
        "workflows/-",
        "workflows/a/runs/",
        "workflows/a/runs/../x",
        "variables/a-b",
        "variables/",
      ]) {
        const reason = title === "a variable" ? "INVALID_VARIABLE" : "INVALID_NAME";
        assert.equal(await reasonOf(call(name)), `InvalidArgument ${reason}`, name);
      }
    });
  }

  test("submits the event verbatim, once for a request id", async () => {
    const { workflow } = await deploy();
    const submits: control.Submit[] = [];
    house.onSubmit = (submit) => {
      submits.push(submit);
      accept(submit);
    };
    const eventJson = '{"n": 9007199254740993}';
    const run = await runsOf().createRun({ ...newRun(workflow.name), eventJson, requestId: "key-1" });
    assert.equal(run.id, submits[0]!.runId);
    assert.equal(run.state, runApi.RunState.PENDING);
    assert.equal(submits[0]!.input!.eventJson.toString(), eventJson);
    assert.equal(submits[0]!.input!.eventFallsBackToBody, false);
    assert.equal(submits[0]!.idempotencyKey, "key-1");
    assert.equal(
      await reasonOf(runsOf().createRun({ ...newRun(workflow.name), eventJson: "{" })),
      "InvalidArgument INVALID_EVENT",
    );
    assert.equal(
      await reasonOf(runsOf().createRun({ ...newRun(workflow.name), requestId: "a b" })),
      "InvalidArgument INVALID_REQUEST_ID",
    );
  });

  test("keeps variables to their project and shows no secret", async () => {
    const variables = variablesOf();
    const set = (name: string, value: string, secret: boolean) =>
      variables.setVariable({ variable: { name: `variables/${name}`, value, secret, updateTime: undefined } });
    assert.equal((await set("PLAIN", "shown", false)).value, "shown");
    assert.equal((await set("TOKEN", "hidden", true)).value, "");
    const listed = await variables.listVariables({ pageSize: 1, pageToken: "" });
    assert.deepEqual(
      listed.variables.map(({ name, value }) => [name, value]),
      [["variables/PLAIN", "shown"]],
    );
    const rest = await variables.listVariables({ pageSize: 1, pageToken: listed.nextPageToken });
    assert.deepEqual(
      rest.variables.map(({ name, value }) => [name, value]),
      [["variables/TOKEN", ""]],
    );
    assert.equal(rest.nextPageToken, "");
    assert.match(await reasonOf(set("MILLRACE_TOKEN_KEY", "x", false)), /^InvalidArgument INVALID_VARIABLE/);
    assert.match(await reasonOf(set("A", "x\0y", false)), /^InvalidArgument INVALID_VARIABLE/);
    assert.match(await reasonOf(set("A", "x".repeat(70_000), false)), /^InvalidArgument INVALID_VARIABLE/);
    const theirs = variablesOf({ token: otherKey });
    assert.deepEqual((await theirs.listVariables({ pageSize: 0, pageToken: "" })).variables, []);
    assert.equal(await reasonOf(theirs.deleteVariable({ name: "variables/TOKEN" })), "NotFound VARIABLE_NOT_FOUND");
  });
});

describe("what runners ask for", () => {
  const mac = (tokenKey: string) => (data: Uint8Array) =>
    createHmac("sha256", Buffer.from(tokenKey, "hex")).update(data).digest();
  const runId = createRunId(Date.now(), randomBytes(10));
  const claims = (workflow: workflowApi.Workflow): RunTokenClaims => ({
    projectId,
    workflowId: workflow.id,
    versionId: workflow.versionId,
    runId,
    assignment: 1,
    runner: "runner",
    expiresAtMs: Date.now() + 60_000,
  });

  test("is answered for the token's version and project", async () => {
    const { workflow } = await deploy({}, { settings: { memory: "128MiB", stepTimeout: "1.5s" } });
    await recordRun(house.databaseUrl, { projectId, runId });
    const runToken = encodeRunToken(claims(workflow), mac(TOKEN_KEY));
    const { version } = await channels.version().request({ runToken }, { timeoutMs: 5_000 });
    assert.deepEqual(version, {
      versionId: workflow.versionId,
      steps: [{ path: "steps/0", name: "one", fileName: "one.py", source: "print(1)", inputs: [], timeout: undefined }],
      memoryBytes: 128 * 1024 ** 2,
      stepTimeout: { seconds: 1, nanos: 500_000_000 },
      limits: { tmpBytes: 0, cpuMillis: 0, processesMax: 0, logBytesMax: 0 },
      modules: [],
      packages: undefined,
    });
    const variables = variablesOf();
    await variables.setVariable({
      variable: { name: "variables/SEEN", value: "1", secret: true, updateTime: undefined },
    });
    const first = await channels.environment().request({ runToken, knownGeneration: 0 }, { timeoutMs: 5_000 });
    assert.equal(first.variables["SEEN"], "1");
    assert.ok(first.secretNames.includes("SEEN"));
    const again = await channels
      .environment()
      .request({ runToken, knownGeneration: first.generation }, { timeoutMs: 5_000 });
    assert.equal(again.changed, false);
    assert.deepEqual(again.variables, {});
  });

  test("is refused without a token of this house", async () => {
    const { workflow } = await deploy();
    const expired = { ...claims(workflow), expiresAtMs: Date.now() - 1 };
    const tokens: [string, string][] = [
      ["", "RUN_TOKEN_INVALID"],
      [encodeRunToken(claims(workflow), mac("cd".repeat(32))), "RUN_TOKEN_INVALID"],
      [encodeRunToken(expired, mac(TOKEN_KEY)), "RUN_TOKEN_EXPIRED"],
    ];
    for (const [runToken, reason] of tokens) {
      await assert.rejects(channels.version().request({ runToken }, { timeoutMs: 5_000 }), { reason });
      await assert.rejects(channels.environment().request({ runToken, knownGeneration: 0 }, { timeoutMs: 5_000 }), {
        reason,
      });
    }
  });
});
