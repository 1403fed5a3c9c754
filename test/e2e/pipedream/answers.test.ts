import assert from "node:assert/strict";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { after, before, describe, test } from "node:test";

import { TestSite } from "../../harness/test-site.ts";
import { deploySteps, house, linesOf, runSteps, useHouse } from "../../harness/shared-house.ts";
import { until } from "../../harness/until.ts";

/** A handler of these lines. */
const handler = (...lines: string[]): string => `def handler(pd):\n${lines.map((line) => `    ${line}\n`).join("")}`;

describe("pd.respond", () => {
  let site: TestSite;

  useHouse({ environment: { MILLRACE_STREAM_STALL_MS: "3000" } });
  before(async () => {
    site = await TestSite.start();
  });
  after(() => site?.stop());

  async function answerOf(source: string, init: RequestInit = {}): Promise<Response> {
    const { url } = await deploySteps(source);
    return fetch(url, init);
  }

  test("sends a dict as JSON", async () => {
    const response = await answerOf(handler("pd.respond({'status': 201, 'body': {'a': [1, None, 'ü']}})"));
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.deepEqual(await response.json(), { a: [1, null, "ü"] });
  });

  test("sends a list as JSON", async () => {
    const response = await answerOf(handler("pd.respond({'status': 200, 'body': [1, 2]})"));
    assert.deepEqual(await response.json(), [1, 2]);
  });

  test("sends text as it is", async () => {
    const response = await answerOf(handler("pd.respond({'status': 200, 'body': 'grüß dich'})"));
    assert.equal(response.headers.get("content-type"), "text/plain; charset=utf-8");
    assert.equal(await response.text(), "grüß dich");
  });

  test("sends HTML under the content type that the step gives", async () => {
    const headers = "{'Content-Type': 'text/html', 'X-Own': 'yes'}";
    const response = await answerOf(handler(`pd.respond(status=200, headers=${headers}, body='<h1>hi</h1>')`));
    assert.equal(response.headers.get("content-type"), "text/html");
    assert.equal(response.headers.get("x-own"), "yes");
    assert.equal(await response.text(), "<h1>hi</h1>");
  });

  test("sends bytes as they are", async () => {
    const response = await answerOf(handler("pd.respond({'status': 200, 'body': bytes(range(256))})"));
    assert.equal(response.headers.get("content-type"), "application/octet-stream");
    assert.deepEqual([...new Uint8Array(await response.arrayBuffer())], [...Array(256).keys()]);
  });

  test("keeps the first of two answers and says so in the log", async () => {
    const source = handler(
      "pd.respond({'status': 200, 'body': 'first'})",
      "pd.respond({'status': 500, 'body': 'second'})",
    );
    const response = await answerOf(source);
    assert.equal(await response.text(), "first");
    const run = await house.waitRun(response.headers.get("millrace-run")!);
    assert.match(linesOf(run).join("\n"), /pd.respond was called again.*the first answer stands/);
  });

  test("keeps the answer of a run that no custom trigger started, and says that nobody waits for it", async () => {
    const { url } = await deploySteps(handler("pd.respond({'status': 202, 'body': 'kept'})"), {
      trigger: { http: {} },
    });
    const { run: id } = (await (await fetch(url)).json()) as { run: string };
    const run = await house.waitRun(id);
    assert.equal(run.state, "SUCCEEDED");
    assert.equal(run.steps[0]?.answer?.status, 202);
    assert.match(linesOf(run).join("\n"), /nobody waits for this answer/);
  });

  test("comes too late after a failure: the client has got the error", async () => {
    const { url } = await deploySteps({ bad: handler("1 / 0"), answer: handler("pd.respond(status=200, body='x')") });
    const response = await fetch(url);
    assert.equal(response.status, 500);
    assert.match(await response.text(), /RUN_FAILED/);
  });

  test("answers before a failure of the same step", async () => {
    const response = await answerOf(
      handler("pd.respond({'status': 200, 'body': 'early', 'immediate': True})", "raise ValueError('late')"),
    );
    assert.equal(await response.text(), "early");
    assert.equal((await house.waitRun(response.headers.get("millrace-run")!)).failure?.type, "ValueError");
  });

  test("may be returned, and may be followed by a bare return", async () => {
    const returned = await answerOf(handler("return pd.respond({'status': 200, 'body': 'returned'})"));
    assert.equal(await returned.text(), "returned");
    const bare = await answerOf(handler("pd.respond({'status': 200, 'body': 'bare'})", "return"));
    assert.equal(await bare.text(), "bare");
  });

  test("sends no body with 204 and 304, and none to HEAD", async () => {
    for (const status of [204, 304]) {
      const response = await answerOf(handler(`pd.respond({'status': ${status}, 'body': 'none'})`));
      assert.equal(response.status, status);
      assert.equal(await response.text(), "");
    }
    const head = await answerOf(handler("pd.respond({'status': 200, 'body': 'none'})"), { method: "HEAD" });
    assert.equal(head.headers.get("content-length"), "4");
    assert.equal(await head.text(), "");
  });

  const mistakes: [string, string, RegExp][] = [
    ["a missing status", "{'body': 'x'}", /ValueError: pd.respond needs 'status'/],
    ["a missing body", "{'status': 200}", /ValueError: pd.respond needs 'body'/],
    ["a status below 200", "{'status': 199, 'body': ''}", /status must be from 200 to 599, not 199/],
    ["a status above 599", "{'status': 600, 'body': ''}", /status must be from 200 to 599, not 600/],
    ["a header with a line break", "{'status': 200, 'body': '', 'headers': {'a': 'x\\r\\nb: c'}}", /line break/],
    ["a body that cannot be sent", "{'status': 200, 'body': {'a': {1, 2}}}", /body.a: set is not JSON serialisable/],
    ["a stream of what is no text", "{'status': 200, 'body': (n for n in [1])}", /piece 0 of the body is a int/],
  ];
  for (const [title, given, message] of mistakes) {
    test(`fails at its line for ${title}`, async () => {
      const response = await answerOf(handler("print('before')", `pd.respond(${given})`, "print('behind')"));
      assert.equal(response.status, 500);
      const run = await house.waitRun(response.headers.get("millrace-run")!);
      assert.equal(run.failure?.line, 3);
      assert.match(run.failure?.traceback ?? "", message);
      assert.equal(linesOf(run)[0], "before");
    });
  }

  test("streams a generator while it makes its pieces", async () => {
    site.route("/wait", (_request, response) => {
      waiting.push(() => response.end("go on"));
    });
    const waiting: (() => void)[] = [];
    const source = [
      "import urllib.request",
      "def pieces():",
      "    yield 'first '",
      `    urllib.request.urlopen('${site.url}/wait').read()`,
      "    yield b'second'",
      handler("pd.respond({'status': 200, 'body': pieces()})"),
    ].join("\n");
    const { url } = await deploySteps(source);
    const reader = (await fetch(url)).body!.getReader();
    const decoder = new TextDecoder();
    assert.equal(decoder.decode((await reader.read()).value), "first ");
    await until(() => waiting.length === 1);
    waiting[0]!();
    assert.equal(decoder.decode((await reader.read()).value), "second");
    assert.equal((await reader.read()).done, true);
  });

  test("streams server-sent events under the content type that the step gives", async () => {
    const source = [
      "def events():",
      "    for n in range(3):",
      "        yield f'data: {n}\\n\\n'",
      handler("pd.respond({'status': 200, 'headers': {'content-type': 'text/event-stream'}, 'body': events()})"),
    ].join("\n");
    const response = await answerOf(source);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    assert.equal(await response.text(), "data: 0\n\ndata: 1\n\ndata: 2\n\n");
  });

  test("streams an asynchronous generator, awaited or not", async () => {
    for (const call of ["await pd.respond(answer)", "return pd.respond(answer)", "pd.respond(answer)"]) {
      const source = [
        "import asyncio",
        "async def pieces():",
        "    for n in range(3):",
        "        await asyncio.sleep(0.001)",
        "        yield f'{n} '",
        "async def handler(pd):",
        "    answer = {'status': 200, 'body': pieces()}",
        `    ${call}`,
      ].join("\n");
      const response = await answerOf(source);
      assert.equal(await response.text(), "0 1 2 ", call);
      assert.equal((await house.waitRun(response.headers.get("millrace-run")!)).state, "SUCCEEDED");
    }
  });

  test("streams a file of 20 MB with the content type of its name", async () => {
    const source = handler(
      "with open('/tmp/big.csv', 'wb') as file:",
      "    for n in range(20):",
      "        file.write(bytes([65 + n]) * 1_000_000)",
      "pd.respond({'status': 200, 'body': open('/tmp/big.csv', 'rb')})",
    );
    const response = await answerOf(source);
    assert.equal(response.headers.get("content-type"), "text/csv; charset=utf-8");
    const body = Buffer.from(await response.arrayBuffer());
    assert.equal(body.length, 20_000_000);
    assert.equal(body.subarray(-1_000_000).toString(), "T".repeat(1_000_000));
  });

  test("streams nothing to HEAD and with 204, and closes the generator", async () => {
    const source = [
      "def pieces():",
      "    print('never made')",
      "    yield 'x'",
      handler("status = int(pd.steps.trigger.event['query']['status'])", "pd.respond(status=status, body=pieces())"),
    ].join("\n");
    const { url } = await deploySteps(source.replace("pieces())", "pieces(), headers={'content-type': 'a/b'})"));
    for (const [status, method] of [
      [200, "HEAD"],
      [204, "GET"],
    ] as const) {
      const response = await fetch(`${url}?status=${status}`, { method });
      assert.equal(response.status, status);
      assert.equal(await response.text(), "");
      const run = await house.waitRun(response.headers.get("millrace-run")!);
      assert.equal(run.state, "SUCCEEDED");
      assert.doesNotMatch(linesOf(run).join(), /never made/);
    }
  });

  test("closes the generator when the client goes away, and the step goes on", async () => {
    const source = [
      "def pieces():",
      "    try:",
      "        while True:",
      "            yield 'x' * 10_000",
      "    finally:",
      "        print('generator closed')",
      handler("pd.respond({'status': 200, 'body': pieces()})", "return 'went on'"),
    ].join("\n");
    const { url } = await deploySteps(source);
    const leaving = new AbortController();
    const response = await fetch(url, { signal: leaving.signal });
    await response.body!.getReader().read();
    leaving.abort();
    const run = await house.waitRun(response.headers.get("millrace-run")!);
    assert.equal(run.steps[0]?.returnValue, "went on");
    assert.match(linesOf(run).join("\n"), /generator closed/);
    assert.match(linesOf(run).join("\n"), /the client has gone after \d+ bytes/);
  });

  /** A client that reads the headers and nothing more. */
  async function slowClient(url: string): Promise<IncomingMessage> {
    const [response] = (await once(get(url), "response")) as [IncomingMessage];
    response.pause();
    return response;
  }

  test("makes a step wait for a slow client in bounded memory, and gives up one that takes nothing", async () => {
    const source = [
      "made = 0",
      "def pieces():",
      "    global made",
      "    while made < 200:",
      "        made += 1",
      "        yield b'x' * 1_000_000",
      handler("pd.respond({'status': 200, 'body': pieces()})", "return made"),
    ].join("\n");
    const { url } = await deploySteps(source);
    const client = await slowClient(url);
    const run = await house.waitRun(String(client.headers["millrace-run"]));
    client.destroy();
    assert.equal(run.state, "SUCCEEDED");
    const made = Number(run.steps[0]?.returnValue);
    assert.ok(made > 0 && made < 50, `${made} MB were made for a client that took nothing`);
  });

  const deaths: [string, string][] = [
    ["raises", "raise ValueError('in the middle')"],
    ["dies", "import os; os._exit(7)"],
  ];
  for (const [title, death] of deaths) {
    test(`breaks the body off visibly when its step ${title}`, async () => {
      const source = [
        "import time",
        "def pieces():",
        "    yield 'begun'",
        "    time.sleep(0.2)",
        `    ${death}`,
        handler("pd.respond({'status': 200, 'body': pieces()})"),
      ].join("\n");
      const response = await answerOf(source);
      assert.equal(response.status, 200);
      await assert.rejects(response.text(), /terminated/);
      const run = await house.waitRun(response.headers.get("millrace-run")!);
      assert.equal(run.state, "FAILED");
    });
  }

  test("breaks the body off when the run is cancelled", async () => {
    const source = [
      "import time",
      "def pieces():",
      "    while True:",
      "        yield 'x'",
      "        time.sleep(0.05)",
      handler("pd.respond({'status': 200, 'body': pieces()})"),
    ].join("\n");
    const { url } = await deploySteps(source);
    const response = await fetch(url);
    const id = response.headers.get("millrace-run")!;
    await house.client.runs.cancelRun({ name: `workflows/-/runs/${id}`, reason: "enough" });
    await assert.rejects(response.text(), /terminated/);
  });

  test("makes nothing of a stream that nobody waits for", async () => {
    const source = [
      "def pieces():",
      "    print('made')",
      "    yield 'x'",
      handler("pd.respond({'status': 200, 'body': pieces()})", "return 'fine'"),
    ].join("\n");
    const run = await runSteps(source);
    assert.equal(run.steps[0]?.returnValue, "fine");
    assert.match(linesOf(run).join("\n"), /nobody waits/);
    assert.doesNotMatch(linesOf(run).join("\n"), /^made/m);
  });
});
