import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { runSteps, useHouse, valueOf } from "../../harness/shared-house.ts";
import { TestSite } from "../../harness/test-site.ts";

describe("requests to other sites", () => {
  let site: TestSite;

  useHouse();
  before(async () => {
    site = await TestSite.start();
    site.route("/slow", () => {});
    site.route("/teapot", (_request, response) => response.writeHead(418, { "x-tea": "pot" }).end("short and stout"));
  });
  after(() => site?.stop());

  /** Runs a handler of these lines, in which URL is the site's address; returns what it returned. */
  async function valueOfLines(...lines: string[]): Promise<unknown> {
    const body = lines.map((line) => `    ${line}\n`).join("");
    return valueOf(await runSteps(`URL = ${JSON.stringify(site.url)}\ndef handler(pd):\n${body}`));
  }

  const clients: [string, string, string][] = [
    [
      "GET with a query",
      "import json, urllib.request, urllib.parse",
      "return json.load(urllib.request.urlopen(URL + '/get?' + urllib.parse.urlencode({'a': '1 2'})))",
    ],
    [
      "POST of a form",
      "import json, urllib.request, urllib.parse",
      "return json.load(urllib.request.urlopen(URL + '/form', data=urllib.parse.urlencode({'a': 'ü'}).encode()))",
    ],
    [
      "POST of JSON",
      "import json, urllib.request",
      "return json.load(urllib.request.urlopen(urllib.request.Request(URL + '/json', data=json.dumps({'a': [1]}).encode(), headers={'Content-Type': 'application/json'})))",
    ],
    [
      "authorization by a header",
      "import json, urllib.request",
      "return json.load(urllib.request.urlopen(urllib.request.Request(URL + '/auth', headers={'Authorization': 'Bearer abc'})))",
    ],
  ];
  const expected: Record<string, Record<string, unknown>> = {
    "GET with a query": { method: "GET", path: "/get?a=1+2", body: "" },
    "POST of a form": { method: "POST", path: "/form", body: "a=%C3%BC" },
    "POST of JSON": { method: "POST", path: "/json", body: '{"a": [1]}' },
    "authorization by a header": { method: "GET", path: "/auth" },
  };
  for (const [title, imports, call] of clients) {
    test(`${title}, with the standard library`, async () => {
      const seen = (await valueOfLines(imports, call)) as { headers: Record<string, string> };
      assert.deepEqual({ ...seen, headers: undefined }, { body: "", ...expected[title], headers: undefined });
      if (title.startsWith("auth")) assert.equal(seen.headers["authorization"], "Bearer abc");
    });
  }

  describe("pd.send.http", () => {
    test("sends JSON, headers, a query and a password, and returns the answer", async () => {
      const value = (await valueOfLines(
        "answer = pd.send.http(method='PUT', url=URL + '/send?b=2', params={'a': [1, 2]}, headers={'X-Own': 'yes'}, auth=('u', 'p'), data={'n': 1})",
        "return {**answer, 'headers': answer['headers']['content-type']}",
      )) as { status: number; headers: string; body: string };
      assert.equal(value.status, 200);
      assert.equal(value.headers, "application/json");
      const seen = JSON.parse(value.body) as { headers: Record<string, string> };
      assert.deepEqual(
        { ...seen, headers: undefined },
        { method: "PUT", path: "/send?b=2&a=1&a=2", body: '{"n":1}', headers: undefined },
      );
      assert.equal(seen.headers["authorization"], `Basic ${Buffer.from("u:p").toString("base64")}`);
      assert.equal(seen.headers["content-type"], "application/json");
      assert.equal(seen.headers["x-own"], "yes");
    });

    test("returns an answer of any status", async () => {
      const value = await valueOfLines(
        "answer = pd.send.http('GET', URL + '/teapot')",
        "return [answer['status'], answer['headers']['x-tea'], answer['body']]",
      );
      assert.deepEqual(value, [418, "pot", "short and stout"]);
    });

    test("gives up after five seconds, and says what cannot be reached", async () => {
      const slow = runSteps(`def handler(pd):\n    pd.send.http('GET', ${JSON.stringify(`${site.url}/slow`)})\n`);
      const refused = await runSteps("def handler(pd):\n    pd.send.http('GET', 'http://127.0.0.1:9/')\n");
      assert.match(refused.failure?.message ?? "", /http:\/\/127\.0\.0\.1:9\/ cannot be reached/);
      const wrong = await runSteps("def handler(pd):\n    pd.send.http('GET', 'file:///etc/passwd')\n");
      assert.match(wrong.failure?.message ?? "", /must be an http or https address/);
      const { failure, steps } = await slow;
      assert.equal(failure?.type, "TimeoutError");
      assert.match(failure.message, /has not answered within 5 s/);
      assert.equal(failure.line, 2);
      assert.equal(steps[0]?.state, "FAILED");
    });
  });
});
