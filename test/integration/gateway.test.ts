import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import type { Channels } from "@millrace/bus";
import { encodeRunToken, PlatformError, type RunTokenClaims } from "@millrace/core";
import { control, houseApi, runApi, variableApi, workflowApi, type step } from "@millrace/protocol";
import {
  accept as acceptIn,
  ownerOf,
  startTestGateways,
  TOKEN_KEY,
  type ClientOptions,
  type TestGateways,
} from "../harness/test-gateway.ts";
import { until } from "../harness/until.ts";

const BODY_LIMIT = 100_000;

let house: TestGateways;
let gateways: TestGateways["gateways"];
let channels: Channels;
let projectId: string;
let key: string;
let otherKey: string;

before(async () => {
  house = await startTestGateways(2, {
    MILLRACE_HTTP_WAIT_MS: "400",
    MILLRACE_SUBMIT_TIMEOUT_MS: "500",
    MILLRACE_SUBMIT_RESEND_MS: "100",
    MILLRACE_BODY_LIMIT_BYTES: String(BODY_LIMIT),
    MILLRACE_WAITING_REQUESTS_MAX: "5",
    MILLRACE_REQUEST_TIMEOUT_MS: "2000",
    MILLRACE_REQUEST_BYTES_MAX: String(2 * BODY_LIMIT),
  });
  ({ gateways, channels, projectId, key, otherKey } = house);
  // Each has heard of the other once it has announced itself.
  await until(async () => (await houseOf().getHouse({})).gateways.length === 2);
});

after(() => house.close());

afterEach(() => {
  house.onSubmit = () => {};
  house.problems = [];
});

const houseOf = (options?: ClientOptions) => house.client(houseApi.HouseServiceService, options);
const workflowsOf = (options?: ClientOptions) => house.client(workflowApi.WorkflowServiceService, options);
const runsOf = (options?: ClientOptions) => house.client(runApi.RunServiceService, options);
const variablesOf = (options?: ClientOptions) => house.client(variableApi.VariableServiceService, options);
const accept = (submit: control.Submit, outcome?: control.SubmitOutcome) => acceptIn(house, submit, outcome);

interface Deployment {
  readonly workflow: workflowApi.Workflow;
  /** Path of the trigger on every gateway. */
  readonly path: string;
}

let deployments = 0;

async function deploy(http: object = {}, extra: object = {}): Promise<Deployment> {
  const definition = {
    name: `workflow ${++deployments}`,
    triggers: [{ http }],
    steps: [{ name: "one", python: "one.py" }],
    ...extra,
  };
  const workflow = await workflowsOf().deployWorkflow({
    name: "",
    definitionJson: JSON.stringify(definition),
    sources: { "one.py": "print(1)" },
    checkTimeout: undefined,
  });
  return { workflow, path: new URL(workflow.triggers[0]!.url).pathname };
}

function ask(path: string, init: RequestInit = {}, gateway = 0): Promise<Response> {
  return fetch(`http://127.0.0.1:${gateways[gateway]!.httpPort}${path}`, init);
}

async function errorOf(response: Response): Promise<{ reason: string; run?: string }> {
  return ((await response.json()) as { error: { reason: string; run?: string } }).error;
}

// The scripted owner's words

function answer(submit: control.Submit, given: Partial<step.Response>, executionId = "e1", assignment = 1): void {
  const { partition, runId } = submit;
  channels.answer(submit.gateway).send({
    handing: { partition, runId, assignment },
    path: "steps/0",
    executionId,
    response: { status: 200, headers: [], body: Buffer.from("answer"), immediate: executionId === "", ...given },
  });
}

function release(submit: control.Submit, executionId = "e1"): void {
  const { runId, gateway } = submit;
  channels.release(gateway).send({ owner: ownerOf(submit), runId, path: "steps/0", executionId });
}

function end(submit: control.Submit, state: control.RunState): void {
  channels.ended(submit.gateway).send({ owner: ownerOf(submit), runId: submit.runId, state, responsePath: "" });
}

describe("a trigger", () => {
  test("answers at once when the run is accepted, and submits the request as its event", async () => {
    const { workflow, path } = await deploy();
    const submits: control.Submit[] = [];
    house.onSubmit = (submit) => {
      submits.push(submit);
      accept(submit);
    };
    const body = '{"id": 9007199254740993, "__proto__": 1}';
    const response = await ask(`${path}/a/b?q=1&q=2`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", "X-Own": "1" },
    });
    assert.equal(response.status, 200);
    const [submit] = submits;
    assert.deepEqual(await response.json(), { status: "accepted", run: submit!.runId });
    assert.equal(response.headers.get("content-security-policy"), "sandbox");
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    const eventText = submit!.input!.eventJson.toString();
    assert.ok(eventText.includes(`"body":${body}`), eventText);
    const event = JSON.parse(eventText) as Record<string, unknown>;
    assert.equal(event["path"], "/a/b");
    assert.deepEqual(event["query"], { q: ["1", "2"] });
    assert.equal((event["headers"] as Record<string, string>)["x-own"], "1");
    assert.equal(event["client_ip"], "127.0.0.1");
    assert.ok((event["url"] as string).endsWith(`${path}/a/b?q=1&q=2`));
    assert.equal(submit!.input!.eventFallsBackToBody, true);
    const context = JSON.parse(submit!.input!.contextJson.toString()) as Record<string, unknown>;
    assert.deepEqual(Object.keys(context), [
      "id",
      "trace_id",
      "ts",
      "workflow_id",
      "workflow_name",
      "deployment_id",
      "replay",
    ]);
    assert.equal(context["id"], submit!.runId);
    assert.equal(context["workflow_id"], workflow.id);
    assert.equal(context["deployment_id"], workflow.versionId);
    assert.equal(context["replay"], false);
    assert.match(context["trace_id"] as string, /^[0-9a-f]{32}$/);
    assert.equal(submit!.spec!.projectId, projectId);
    assert.equal(submit!.wantsAnswer, false);
  });

  test("hands over the body alone when its settings say so", async () => {
    const { path } = await deploy({ event: "body" });
    const submits: control.Submit[] = [];
    house.onSubmit = (submit) => {
      submits.push(submit);
      accept(submit);
    };
    await ask(path, { method: "PUT", body: "plain" });
    assert.equal(submits[0]!.input!.eventJson.toString(), '"plain"');
    const context = JSON.parse(submits[0]!.input!.contextJson.toString()) as { request: { method: string } };
    assert.equal(context.request.method, "PUT");
  });

  test("continues its caller's trace", async () => {
    const { path } = await deploy();
    const submits: control.Submit[] = [];
    house.onSubmit = (submit) => {
      submits.push(submit);
      accept(submit);
    };
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    await ask(path, { headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` } });
    await ask(path, { headers: { traceparent: "no trace parent" } });
    assert.equal(submits[0]!.input!.traceId, traceId);
    assert.notEqual(submits[1]!.input!.traceId, traceId);
  });

  test("gives the answer of its settings", async () => {
    const { path } = await deploy({
      respond: "static",
      response: { status: 202, headers: { "X-A": "b" }, body: { ok: 1 } },
    });
    house.onSubmit = (submit) => accept(submit);
    const response = await ask(path);
    assert.equal(response.status, 202);
    assert.equal(response.headers.get("x-a"), "b");
    assert.deepEqual(await response.json(), { ok: 1 });
  });

  test("holds the workflow's answer until its checkpoint is committed", async () => {
    const { path } = await deploy({ respond: "workflow" });
    let submitted: control.Submit | undefined;
    house.onSubmit = (submit) => {
      submitted ??= submit;
      accept(submit);
      answer(submit, { body: Buffer.from("of a lost execution") }, "e0");
      answer(submit, { status: 201, headers: [{ name: "Set-Cookie", value: "a=b" }] });
    };
    let response: Response | undefined;
    void ask(path).then((it) => (response = it));
    await until(() => submitted !== undefined);
    await house.bus.flush();
    assert.equal(response, undefined);
    release(submitted!);
    await until(() => response !== undefined);
    assert.equal(response!.status, 201);
    assert.equal(response!.headers.get("set-cookie"), null);
    assert.equal(await response!.text(), "answer");
  });

  test("passes an immediate answer of the current assignment on, and of no other", async () => {
    const { path } = await deploy({ respond: "workflow" });
    house.onSubmit = (submit) => {
      accept(submit);
      channels.reassigned(submit.gateway).send({ owner: ownerOf(submit), runId: submit.runId, assignment: 2 });
      answer(submit, { body: Buffer.from("old") }, "", 1);
      answer(submit, { body: Buffer.from("new") }, "", 2);
    };
    assert.equal(await (await ask(path)).text(), "new");
  });

  const ends: [control.RunState, number, string][] = [
    [control.RunState.SUCCEEDED, 400, "NO_RESPONSE"],
    [control.RunState.FAILED, 500, "RUN_FAILED"],
    [control.RunState.CANCELLED, 400, "RUN_CANCELLED"],
  ];
  for (const [state, status, reason] of ends) {
    test(`says ${reason} when the run ended without an answer`, async () => {
      const { path } = await deploy({ respond: "workflow" });
      let runId = "";
      house.onSubmit = (submit) => {
        ({ runId } = submit);
        accept(submit);
        end(submit, state);
      };
      const response = await ask(path);
      assert.equal(response.status, status);
      const error = await errorOf(response);
      assert.equal(error.reason, reason);
      assert.equal(error.run, runId);
    });
  }

  test("says that the wait is over and lets the run go on", async () => {
    const { path } = await deploy({ respond: "workflow" });
    house.onSubmit = (submit) => accept(submit);
    const response = await ask(path);
    assert.equal(response.status, 504);
    assert.equal((await errorOf(response)).reason, "WAIT_OVER");
    assert.equal(gateways[0]!.waitingCount(), 0);
  });

  test("repeats a submit until it is acknowledged", async () => {
    const { path } = await deploy();
    const runIds: string[] = [];
    house.onSubmit = (submit) => {
      runIds.push(submit.runId);
      if (runIds.length === 3) accept(submit);
    };
    assert.equal((await ask(path)).status, 200);
    assert.equal(runIds.length, 3);
    assert.equal(new Set(runIds).size, 1);
  });

  test("says 503 when nobody acknowledges, 429 when the queue is full, both with a time to try again", async () => {
    const { path } = await deploy();
    const silence = await ask(path);
    assert.equal(silence.status, 503);
    assert.ok(Number(silence.headers.get("retry-after")) > 0);
    assert.equal((await errorOf(silence)).reason, "SUBMIT_UNACKNOWLEDGED");
    house.onSubmit = (submit) => accept(submit, control.SubmitOutcome.QUEUE_FULL);
    const full = await ask(path);
    assert.equal(full.status, 429);
    assert.ok(Number(full.headers.get("retry-after")) > 0);
    assert.equal((await errorOf(full)).reason, "QUEUE_FULL");
  });

  test("says 503 when too many callers wait already", async () => {
    const { path } = await deploy({ respond: "workflow" });
    house.onSubmit = (submit) => accept(submit);
    const waiting = Array.from({ length: 5 }, () => ask(path));
    await until(() => gateways[0]!.waitingCount() === 5);
    const response = await ask(path);
    assert.equal(response.status, 503);
    assert.equal((await errorOf(response)).reason, "GATEWAY_BUSY");
    for (const one of await Promise.all(waiting)) assert.equal(one.status, 504);
  });

  test("says 503 when the bodies of all callers together are too large, and has room again when they are gone", async () => {
    const { path } = await deploy({ respond: "workflow" });
    house.onSubmit = (submit) => accept(submit);
    const post = () => ask(path, { method: "POST", body: "x".repeat(0.9 * BODY_LIMIT) });
    const waiting = [post(), post()];
    await until(() => gateways[0]!.waitingCount() === 2);
    const response = await post();
    assert.equal(response.status, 503);
    assert.equal((await errorOf(response)).reason, "GATEWAY_BUSY");
    for (const one of await Promise.all(waiting)) assert.equal(one.status, 504);
    assert.equal((await post()).status, 504);
  });

  test("forgets a caller that has left", async () => {
    const { path } = await deploy({ respond: "workflow" });
    let accepted = false;
    house.onSubmit = (submit) => {
      accept(submit);
      accepted = true;
    };
    const leaving = new AbortController();
    const response = ask(path, { signal: leaving.signal });
    await until(() => accepted && gateways[0]!.waitingCount() === 1);
    leaving.abort();
    await assert.rejects(response);
    await until(() => gateways[0]!.waitingCount() === 0, 350);
  });

  test("answers HEAD, 204 and 304 without a body, and keeps the connection", async () => {
    const { path } = await deploy({ respond: "workflow" });
    house.onSubmit = (submit) => {
      accept(submit);
      const { query } = JSON.parse(submit.input!.eventJson.toString()) as { query: { status: string } };
      answer(submit, { status: Number(query.status), body: Buffer.from("not empty") });
      release(submit);
    };
    const head = await ask(`${path}?status=200`, { method: "HEAD" });
    assert.equal(head.headers.get("content-length"), "9");
    assert.equal(await head.text(), "");
    const lines = await raw(
      [`GET ${path}?status=204`, `GET ${path}?status=304`, `GET ${path}?status=200`].map(withHost).join(""),
      3,
    );
    assert.deepEqual(statusesOf(lines), ["204", "304", "200"]);
    assert.doesNotMatch(lines.split("HTTP/1.1 200")[0]!, /not empty/);
  });

  test("answers a browser's question before the request, and any other OPTIONS starts a run", async () => {
    const { path } = await deploy();
    let submits = 0;
    house.onSubmit = (submit) => {
      submits++;
      accept(submit);
    };
    const headers = {
      origin: "https://a.example",
      "access-control-request-method": "POST",
      "access-control-request-headers": "x-a",
    };
    const preflight = await rawRequest(path, "OPTIONS", headers);
    assert.match(preflight, /^HTTP\/1.1 204/);
    assert.match(preflight, /access-control-allow-origin: \*/i);
    assert.match(preflight, /access-control-allow-headers: x-a/i);
    assert.equal(submits, 0);
    assert.match(await rawRequest(path, "OPTIONS", {}), /^HTTP\/1.1 200/);
    assert.equal(submits, 1);
  });
});

function withHost(line: string): string {
  return `${line} HTTP/1.1\r\nhost: x\r\n\r\n`;
}

function statusesOf(text: string): string[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => match[1]!);
}

function rawRequest(path: string, method: string, headers: Record<string, string>): Promise<string> {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return raw(`${method} ${path} HTTP/1.1\r\nhost: x\r\n${lines.join("")}connection: close\r\n\r\n`);
}

/** What the gateway sends for these very bytes: until it closes, or until so many answers have come. */
function raw(bytes: string | Buffer, answers = Infinity): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(gateways[0]!.httpPort, "127.0.0.1", () => socket.write(bytes));
    let text = "";
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => {
      text += chunk;
      const complete = statusesOf(text).length >= answers && text.includes("not empty");
      if (complete) socket.end();
    });
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
}

describe("bad requests", () => {
  test("find nothing where there is no trigger, whatever the path", async () => {
    for (const path of ["/t/unknown", "/t/", "/t", "/api/v1/workflows", "/%00", "/t/..%2f..%2fetc"]) {
      assert.equal((await ask(path)).status, 404, path);
    }
    assert.equal((await ask("/")).status, 200);
    const wellKnown = (await (await ask("/.well-known/millrace")).json()) as { grpc: string };
    assert.equal(wellKnown.grpc, `127.0.0.1:${gateways[0]!.grpcPort}`);
  });

  test("get 413 and a closed connection for a body that is too large, announced or not", async () => {
    const { path } = await deploy();
    const announced = await raw(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${BODY_LIMIT + 1}\r\n\r\n{"a":`);
    assert.match(announced, /^HTTP\/1.1 413/);
    assert.match(announced, /connection: close/i);
    assert.match(announced, /BODY_TOO_LARGE/);
    const chunk = `${(60_000).toString(16)}\r\n${"x".repeat(60_000)}\r\n`;
    const chunked = await raw(`POST ${path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n${chunk}${chunk}`);
    assert.match(chunked, /^HTTP\/1.1 413/);
    assert.equal(statusesOf(chunked).length, 1);
  });

  test("let a client that sends a large body to its end read why it is refused", async () => {
    const { path } = await deploy();
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest({ port: gateways[0]!.httpPort, path, method: "POST" }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on("error", reject);
      request.end(Buffer.alloc(20 * BODY_LIMIT));
    });
    assert.equal(status, 413);
  });

  const smuggled: [string, string][] = [
    ["both lengths", "content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["two lengths", "content-length: 4\r\ncontent-length: 5\r\n\r\nabcde"],
    ["a length that is no number", "content-length: 4x\r\n\r\nabcd"],
    ["an odd encoding", "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n"],
    ["a header with a bare line break", "x-a: b\nx-c: d\r\n\0: e\r\n\r\n"],
  ];
  for (const [title, rest] of smuggled) {
    test(`are refused with ${title}`, async () => {
      const { path } = await deploy();
      let submits = 0;
      house.onSubmit = (submit) => {
        submits++;
        accept(submit);
      };
      const text = await raw(`POST ${path} HTTP/1.1\r\nhost: x\r\n${rest}`);
      assert.match(text, /^HTTP\/1.1 400/);
      assert.equal(submits, 0);
    });
  }

  test("get 431 for headers that are too large, and 408 when they come too slowly", async () => {
    assert.match(await raw(`GET / HTTP/1.1\r\nhost: x\r\nx-a: ${"a".repeat(70_000)}\r\n\r\n`), /^HTTP\/1.1 431/);
    assert.match(await raw("GET / HTTP/1.1\r\nhost: x\r\nx-a: "), /^HTTP\/1.1 408/);
  });

  test("get 400 for JSON that no step could read", async () => {
    const { path } = await deploy();
    const headers = { "content-type": "application/json" };
    const deep = await ask(path, { method: "POST", headers, body: `${"[".repeat(40_000)}${"]".repeat(40_000)}` });
    assert.equal(deep.status, 400);
    assert.equal((await errorOf(deep)).reason, "JSON_TOO_DEEP");
  });
});

async function reasonOf(call: Promise<unknown> | AsyncIterable<unknown>): Promise<string> {
  try {
    if (Symbol.asyncIterator in call) for await (const _item of call);
    else await call;
  } catch (thrown) {
    assert.ok(thrown instanceof PlatformError, String(thrown));
    return `${thrown.kind} ${thrown.reason}`;
  }
  return "nothing";
}

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
      const tail = runsOf({ token: otherKey }).tailRunLogs({ parent: `${name}/runs/-` });
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
        assert.equal(await reasonOf(call(name)), "InvalidArgument INVALID_NAME", name);
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

function newRun(parent: string): runApi.CreateRunRequest {
  return { parent, eventJson: "", requestId: "", waitTimeout: undefined };
}

describe("what runners ask for", () => {
  const mac = (tokenKey: string) => (data: Uint8Array) =>
    createHmac("sha256", Buffer.from(tokenKey, "hex")).update(data).digest();
  const claims = (workflow: workflowApi.Workflow): RunTokenClaims => ({
    projectId,
    workflowId: workflow.id,
    versionId: workflow.versionId,
    runId: "r",
    assignment: 1,
    runner: "runner",
    expiresAtMs: Date.now() + 60_000,
  });

  test("is answered for the token's version and project", async () => {
    const { workflow } = await deploy({}, { settings: { memory: "128MiB", stepTimeout: "1.5s" } });
    const runToken = encodeRunToken(claims(workflow), mac(TOKEN_KEY));
    const { version } = await channels.version().request({ runToken }, { timeoutMs: 5_000 });
    assert.deepEqual(version, {
      versionId: workflow.versionId,
      steps: [{ path: "steps/0", name: "one", fileName: "one.py", source: "print(1)" }],
      memoryBytes: 128 * 1024 ** 2,
      stepTimeout: { seconds: 1, nanos: 500_000_000 },
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
