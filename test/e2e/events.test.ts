import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { TestHouse } from "../harness/test-house.ts";

/** Answers with what the step found in the event. */
const probe = (expression: string): string => `
import json

def handler(pd):
    event = pd.steps["trigger"]["event"]
    context = pd.steps["trigger"]["context"]
    pd.respond({"status": 200, "body": ${expression}})
`;

describe("what an HTTP request becomes", () => {
  let house: TestHouse;
  let deployed = 0;

  before(async () => {
    house = await TestHouse.start();
  });
  after(() => house?.stop());

  async function address(expression: string, http: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const { url } = await house.deploy({
      name: `event-${++deployed}`,
      triggers: [{ http: { event: "request", respond: "workflow", ...http } }],
      steps: { probe: probe(expression) },
    });
    return url;
  }

  async function post(url: string, body: string | Buffer<ArrayBuffer>, type: string): Promise<unknown> {
    const response = await fetch(url, { method: "POST", headers: { "content-type": type }, body });
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return JSON.parse(text);
  }

  test("the event is the whole request", async () => {
    const url = await address("json.loads(json.dumps(event))");
    const response = await fetch(`${url}/a/b?x=1&y=2&x=3`, {
      method: "PUT",
      headers: { "content-type": "application/json", "X-Upper-Case": "Kept" },
      body: '{"name":"Bulbasaur"}',
    });
    const event = (await response.json()) as Record<string, unknown> & { headers: Record<string, string> };
    assert.equal(event["method"], "PUT");
    assert.equal(event["path"], "/a/b");
    assert.deepEqual(event["body"], { name: "Bulbasaur" });
    assert.equal(event.headers["x-upper-case"], "Kept");
    assert.equal((event["query"] as Record<string, unknown>)["y"], "2");
    assert.ok(String(event["url"]).endsWith("/a/b?x=1&y=2&x=3"), String(event["url"]));
    assert.match(String(event["client_ip"]), /^(127\.0\.0\.1|::1|::ffff:127\.0\.0\.1)$/);
    assert.deepEqual(Object.keys(event).toSorted(), ["body", "client_ip", "headers", "method", "path", "query", "url"]);
  });

  test("a key that the request lacks is looked up in a JSON body; iterating and dumping show the request", async () => {
    const url = await address(`{
        "direct": event["name"],
        "nested": event["body"]["name"],
        "get": event.get("name"),
        "absent": event.get("absent", "fallback"),
        "in": "name" in event,
        "not_in": "absent" in event,
        "iterated": sorted(event),
        "dumped": sorted(json.loads(json.dumps(event))),
        "method": event["method"],
    }`);
    assert.deepEqual(await post(url, '{"name":"Bulbasaur","method":"shadowed"}', "application/json"), {
      direct: "Bulbasaur",
      nested: "Bulbasaur",
      get: "Bulbasaur",
      absent: "fallback",
      in: true,
      not_in: false,
      iterated: ["body", "client_ip", "headers", "method", "path", "query", "url"],
      dumped: ["body", "client_ip", "headers", "method", "path", "query", "url"],
      method: "POST",
    });
  });

  test("`event: body` hands over the body alone, the request is in the context", async () => {
    const url = await address('{"event": event, "method": context["request"]["method"]}', { event: "body" });
    assert.deepEqual(await post(url, "[1,2]", "application/json"), { event: [1, 2], method: "POST" });
  });

  test("the context names the run, its trace, the workflow and the deployment", async () => {
    const url = await address("context");
    const context = (await post(url, "{}", "application/json")) as Record<string, unknown>;
    const run = await house.getRun(String(context["id"]));
    assert.equal(context["trace_id"], run.traceId);
    assert.equal(context["workflow_id"], run.workflowId);
    assert.equal(context["workflow_name"], run.workflow);
    assert.equal(context["deployment_id"], run.versionId);
    assert.equal(context["replay"], false);
    assert.ok(context["ts"]);
  });

  test("a form becomes an object, JSON and other text stay what they are", async () => {
    const url = await address('event["body"]');
    const fields = await post(url, "name=Bulbasaur&type=plant", "application/x-www-form-urlencoded");
    assert.deepEqual(fields, { name: "Bulbasaur", type: "plant" });
    const json = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: '"grüße"' });
    assert.equal(await json.text(), "grüße");
    const text = await fetch(url, { method: "POST", headers: { "content-type": "text/plain" }, body: "plain ümlaut" });
    assert.equal(await text.text(), "plain ümlaut");
  });

  test("a binary body is base64 and marked as such", async () => {
    const url = await address("json.loads(json.dumps(event))");
    const bytes = Buffer.from([0, 255, 128, 10]);
    const event = (await post(url, bytes, "application/octet-stream")) as Record<string, unknown>;
    assert.ok(JSON.stringify(event).includes(bytes.toString("base64")), JSON.stringify(event));
  });

  test("a JSON body that is not JSON is refused or handed over, never an error of the house", async () => {
    const url = await address('event["body"]');
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{broken",
    });
    assert.ok(response.status < 500, String(response.status));
  });

  test("a body over the limit is refused with 413", async () => {
    const url = await address('"reached"');
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify("x".repeat(64 * 1024 * 1024)),
    }).catch(() => undefined);
    assert.equal(response?.status ?? 413, 413);
  });

  test("every method and any path below the address start a run", async () => {
    const url = await address('event["method"] + " " + event["path"]');
    for (const method of ["GET", "DELETE", "PATCH", "OPTIONS"]) {
      const response = await fetch(`${url}/deep/er`, { method });
      assert.equal(await response.text(), `${method} /deep/er`);
    }
  });

  test("an unknown address is 404", async () => {
    const response = await fetch(`${house.url}/t/nobody-knows-this`, { method: "POST" });
    assert.equal(response.status, 404);
  });
});
