import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";

import { deploySteps, runSteps, useHouse, valueOf } from "../../harness/shared-house.ts";
import { TestSite } from "../../harness/test-site.ts";

const LARGE = Buffer.alloc(5_000_000, "0123456789abcdef\n");

describe("requests to other sites", () => {
  let site: TestSite;

  useHouse();
  before(async () => {
    site = await TestSite.start();
    site.route("/slow", () => {});
    site.route("/large", (_request, response) => response.writeHead(200).end(LARGE));
    site.route("/zipped", (_request, response) => {
      response.writeHead(200, { "content-type": "text/csv", "content-encoding": "gzip", "x-site": "yes" });
      response.end(gzipSync("a,b\n".repeat(100_000)));
    });
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

  const withRequests: [string, string][] = [
    ["GET with a query", "return requests.get(URL + '/get', params={'a': '1 2'}).json()"],
    ["POST of a form", "return requests.post(URL + '/form', data={'a': 'ü'}).json()"],
    [
      "POST of JSON",
      "return requests.post(URL + '/json', data='{\"a\": [1]}', headers={'Content-Type': 'application/json'}).json()",
    ],
    ["authorization by a header", "return requests.get(URL + '/auth', headers={'Authorization': 'Bearer abc'}).json()"],
  ];
  for (const [title, call] of withRequests) {
    test(`${title}, with requests`, async () => {
      const seen = (await valueOfLines("import requests", call)) as { headers: Record<string, string> };
      assert.deepEqual({ ...seen, headers: undefined }, { body: "", ...expected[title], headers: undefined });
      if (title.startsWith("auth")) assert.equal(seen.headers["authorization"], "Bearer abc");
    });
  }

  test("an error status that is raised, with requests", async () => {
    const run = await runSteps(
      `import requests\ndef handler(pd):\n    requests.get("${site.url}/teapot").raise_for_status()\n`,
    );
    assert.equal(run.failure?.type, "requests.exceptions.HTTPError");
    assert.match(run.failure.message, /^418 Client Error/);
    assert.equal(run.failure.line, 3);
  });

  test("a streamed download to /tmp, with requests", async () => {
    const value = await valueOfLines(
      "import hashlib, os, requests",
      "with requests.get(URL + '/large', stream=True) as answer, open('/tmp/large', 'wb') as file:",
      "    for chunk in answer.iter_content(chunk_size=65536):",
      "        file.write(chunk)",
      "return [os.path.getsize('/tmp/large'), hashlib.sha256(open('/tmp/large', 'rb').read()).hexdigest()]",
    );
    assert.deepEqual(value, [LARGE.length, createHash("sha256").update(LARGE).digest("hex")]);
  });

  test("a multipart upload with requests_toolbelt", async () => {
    const value = await valueOfLines(
      "import requests",
      "from requests_toolbelt.multipart.encoder import MultipartEncoder",
      "open('/tmp/note.txt', 'w').write('what I wanted to say')",
      "form = MultipartEncoder(fields={'kind': 'note', 'file': ('note.txt', open('/tmp/note.txt', 'rb'), 'text/plain')})",
      "return requests.post(URL + '/upload', data=form, headers={'Content-Type': form.content_type}).json()",
    );
    const { headers, body } = value as { headers: Record<string, string>; body: string };
    assert.match(headers["content-type"]!, /^multipart\/form-data; boundary=/);
    assert.match(body, /name="kind"\r\n\r\nnote\r\n/);
    assert.match(body, /name="file"; filename="note.txt"\r\nContent-Type: text\/plain\r\n\r\nwhat I wanted to say\r\n/);
  });

  test("an answer of another site is streamed on with pd.respond, decoded, under its content type", async () => {
    const { url } = await deploySteps(
      [
        "import requests",
        "def handler(pd):",
        `    answer = requests.get("${site.url}/zipped", stream=True)`,
        "    pd.respond({'status': 200, 'headers': answer.headers, 'body': answer})",
      ].join("\n"),
    );
    const response = await fetch(url);
    assert.equal(response.headers.get("content-type"), "text/csv");
    assert.equal(response.headers.get("content-encoding"), null);
    assert.equal(response.headers.get("x-site"), "yes");
    assert.equal(await response.text(), "a,b\n".repeat(100_000));
  });

  test("a package that is added by its comment, in the version that it says", async () => {
    const source = [
      "# pipedream add-package humanize==4.9.0",
      "import humanize",
      "def handler(pd):",
      "    return [humanize.__version__, humanize.intcomma(1234567)]",
    ].join("\n");
    assert.deepEqual(valueOf(await runSteps(source)), ["4.9.0", "1,234,567"]);
  });

  test("an export of a requests answer says what to do", async () => {
    const run = await runSteps(
      `import requests\ndef handler(pd):\n    pd.export("answer", {"first": requests.get("${site.url}/x")})\n`,
    );
    assert.match(
      run.failure?.message ?? "",
      /^answer\.first: Response is not JSON serialisable \(use \.json\(\) or \.text\)/,
    );
  });

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
