import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { accept, startTestGateways, type TestGateways } from "../harness/test-gateway.ts";

let house: TestGateways;
let base: string;

before(async () => {
  house = await startTestGateways(1);
  base = `http://127.0.0.1:${house.gateways[0]!.httpPort}`;
  house.onSubmit = (submit) => accept(house, submit);
});

after(() => house.close());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Record<string, unknown> & { error?: { code: number; status: string; details: { reason: string }[] } };
}

async function call(method: string, path: string, options: { body?: unknown; headers?: Record<string, string> } = {}) {
  const response = await fetch(`${base}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${house.key}`,
      ...(options.body !== undefined && { "content-type": "application/json" }),
      ...options.headers,
    },
    ...(options.body !== undefined && {
      body: typeof options.body === "string" ? options.body : JSON.stringify(options.body),
    }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, json: text === "" ? {} : JSON.parse(text) } as Answer;
}

function reasonOf({ json }: Answer): string | undefined {
  return json.error?.details[0]?.reason;
}

describe("the HTTP/JSON API", () => {
  it("calls the handlers of gRPC, with fields from the path, the query and the body", async () => {
    const made = await call("POST", "/workflows", { body: { displayName: "over http" } });
    assert.equal(made.status, 200);
    assert.equal(made.json["displayName"], "over http");
    const got = await call("GET", `/workflows/${encodeURIComponent("over http")}`);
    assert.equal(got.json["id"], made.json["id"]);
    const set = await call("PUT", "/variables/OVER_HTTP", { body: { value: "x", secret: false } });
    assert.equal(set.json["name"], "variables/OVER_HTTP");
    const list = await call("GET", "/variables?pageSize=1");
    assert.equal((list.json["variables"] as unknown[]).length, 1);
  });

  it("refuses with a reason what is no call, before anything is done", async () => {
    const cases: [string, string, Parameters<typeof call>[2], number, string][] = [
      ["GET", "/nothing", {}, 404, "PATH_NOT_FOUND"],
      ["GET", "/workflows/x:bogus", {}, 404, "PATH_NOT_FOUND"],
      ["PATCH", "/workflows", {}, 405, "METHOD_NOT_ALLOWED"],
      ["GET", "/workflows/%zz", {}, 400, "INVALID_PATH"],
      ["GET", "/workflows?bogus=1", {}, 400, "INVALID_PARAMETER"],
      ["GET", "/workflows?pageSize=many", {}, 400, "INVALID_MESSAGE"],
      ["GET", "/files?recursive=perhaps", {}, 400, "INVALID_PARAMETER"],
      ["POST", "/workflows", { body: "{" }, 400, "INVALID_JSON"],
      ["POST", "/workflows", { body: "[]" }, 400, "INVALID_JSON"],
      ["POST", "/workflows", { body: { bogus: 1 } }, 400, "INVALID_MESSAGE"],
      ["POST", "/workflows", { body: { displayName: "\ud800" } }, 400, "INVALID_MESSAGE"],
      ["POST", "/workflows", { body: {}, headers: { "content-type": "text/plain" } }, 415, "UNSUPPORTED_MEDIA_TYPE"],
      ["DELETE", "/workflows/x", { body: {} }, 400, "BODY_UNEXPECTED"],
      ["GET", "/workflows/x", {}, 404, "WORKFLOW_NOT_FOUND"],
      ["GET", "/workflows/x?name=workflows/y", {}, 400, "INVALID_PARAMETER"],
      ["GET", "/workflows", { headers: { authorization: "Bearer wrong" } }, 401, "API_KEY_INVALID"],
      ["GET", "/workflows", { headers: { authorization: "" } }, 401, "API_KEY_MISSING"],
      ["GET", "/workflows/x/runs/y", {}, 400, "INVALID_NAME"],
      ["PUT", "/variables/OTHER", { body: { name: "variables/ELSE", value: "" } }, 400, "INVALID_PARAMETER"],
    ];
    for (const [method, path, options, status, reason] of cases) {
      const answer = await call(method, path, options);
      assert.deepEqual([answer.status, reasonOf(answer)], [status, reason], `${method} ${path}`);
      assert.equal(answer.json.error?.code, status);
      assert.equal(answer.headers.get("content-type"), "application/json");
    }
  });

  it("tells which methods a path has, and answers HEAD as GET without the body", async () => {
    const options = await fetch(`${base}/api/v1/workflows`, { method: "OPTIONS" });
    assert.equal(options.status, 204);
    assert.equal(options.headers.get("allow"), "POST, GET, HEAD, OPTIONS");
    assert.equal(options.headers.get("access-control-allow-origin"), null);
    const refused = await call("PATCH", "/workflows");
    assert.equal(refused.headers.get("allow"), "POST, GET, HEAD, OPTIONS");
    const head = await call("HEAD", "/workflows");
    assert.equal(head.status, 200);
    assert.ok(Number(head.headers.get("content-length")) > 0);
    assert.deepEqual(head.json, {});
  });

  it("takes and gives files as their bytes", async () => {
    const content = Buffer.alloc(3 << 20, "mill ");
    const headers = { authorization: `Bearer ${house.key}`, "content-type": "text/plain" };
    const path = "/api/v1/files/over%20http/a%3Ab.txt";
    const put = await fetch(`${base}${path}`, { method: "PUT", body: content, headers });
    assert.deepEqual(((await put.json()) as { name: string; size: string }).name, "files/over http/a:b.txt");
    const got = await fetch(`${base}${path}:download`, { headers });
    assert.equal(got.headers.get("content-type"), "text/plain");
    assert.match(got.headers.get("content-security-policy") ?? "", /sandbox/);
    assert.match(got.headers.get("content-disposition") ?? "", /^attachment; filename\*=UTF-8''a%3Ab.txt$/);
    assert.deepEqual(Buffer.from(await got.arrayBuffer()), content);
    const missing = await fetch(`${base}/api/v1/files/none:download`, { headers });
    assert.equal(missing.status, 404);
  });

  it("documents all of its methods", async () => {
    const response = await fetch(`${base}/api/v1/openapi.json`);
    const document = (await response.json()) as { paths: Record<string, Record<string, { operationId: string }>> };
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    const names = operations.map(({ operationId }) => operationId);
    assert.equal(new Set(names).size, names.length, "no name twice");
    for (const name of ["GetWorkflow", "DeployWorkflow2", "TailRunLogs", "UploadFile", "SignIn"]) {
      assert.ok(names.includes(name), name);
    }
  });
});
