import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { TestHouse } from "../harness/test-house.ts";
import { TestSite } from "../harness/test-site.ts";

describe("who answers the HTTP client, and when", () => {
  let house: TestHouse;
  let site: TestSite;

  before(async () => {
    site = await TestSite.start();
    house = await TestHouse.start({ environment: { MILLRACE_HTTP_WAIT_MS: "3000" } });
  });
  after(async () => {
    await house?.stop();
    site?.stop();
  });

  /** A line of a step that waits until the test lets it go on. */
  function hold(path: string): { line: string; letGo: () => void } {
    const held = Promise.withResolvers<void>();
    site.route(path, (_request, response) => void held.promise.then(() => response.end()));
    return { line: `urllib.request.urlopen("${site.url}${path}", timeout=60)`, letGo: held.resolve };
  }

  const answering = { triggers: [{ http: { respond: "workflow" } }] };

  test("immediate, the default: 200 with a small JSON body that names the run", async () => {
    const { url } = await house.deploy({ name: "immediate", trigger: { http: {} }, steps: { work: "print('done')" } });
    const response = await fetch(url, { method: "POST" });
    assert.equal(response.status, 200);
    const body = (await response.json()) as Record<string, unknown>;
    const id = Object.values(body).find(
      (value): value is string => typeof value === "string" && /^[0-9a-f-]{36}$/.test(value),
    );
    assert.ok(id, JSON.stringify(body));
    assert.equal((await house.waitRun(id)).state, "SUCCEEDED");
  });

  test("static: status, headers and body of the settings", async () => {
    const { url } = await house.deploy({
      name: "static",
      trigger: {
        http: { respond: "static", response: { status: 202, headers: { "x-a": "b" }, body: { taken: true } } },
      },
      steps: { work: "print('done')" },
    });
    const response = await fetch(url);
    assert.equal(response.status, 202);
    assert.equal(response.headers.get("x-a"), "b");
    assert.deepEqual(await response.json(), { taken: true });
  });

  test("workflow: status, headers and body of pd.respond", async () => {
    const { url } = await house.deploy({
      name: "responding",
      ...answering,
      steps: {
        work: "def handler(pd):\n    pd.respond({'status': 418, 'headers': {'x-tea': 'pot'}, 'body': 'short and stout'})\n",
      },
    });
    const response = await fetch(url);
    assert.equal(response.status, 418);
    assert.equal(response.headers.get("x-tea"), "pot");
    assert.equal(await response.text(), "short and stout");
  });

  test("workflow: 400 when the run ended without an answer; the body names the run", async () => {
    const { url } = await house.deploy({
      name: "silent",
      ...answering,
      steps: { work: "def handler(pd):\n    pass\n" },
    });
    const response = await fetch(url);
    assert.equal(response.status, 400);
    await assertNamesRun(response, "SUCCEEDED");
  });

  test("workflow: 500 when the run failed before an answer; the body names the run", async () => {
    const { url } = await house.deploy({
      name: "raising",
      ...answering,
      steps: { work: "def handler(pd):\n    1 / 0\n" },
    });
    const response = await fetch(url);
    assert.equal(response.status, 500);
    await assertNamesRun(response, "FAILED");
  });

  test("workflow: 504 when the wait is over; the run goes on", async () => {
    const { line, letGo } = hold("/slow");
    const { url } = await house.deploy({
      name: "slow",
      ...answering,
      steps: {
        work: `import urllib.request\ndef handler(pd):\n    ${line}\n    pd.respond({'status': 200, 'body': 'late'})\n`,
      },
    });
    const response = await fetch(url);
    assert.equal(response.status, 504);
    letGo();
    await assertNamesRun(response, "SUCCEEDED");
  });

  test("an answer of an early step goes out before the run ends", async () => {
    const { line, letGo } = hold("/early");
    const { url } = await house.deploy({
      name: "early",
      ...answering,
      steps: {
        first: "def handler(pd):\n    pd.respond({'status': 200, 'body': 'early'})\n",
        second: `import urllib.request\ndef handler(pd):\n    ${line}\n`,
      },
    });
    const response = await fetch(url);
    assert.equal(await response.text(), "early");
    letGo();
  });

  test("with `immediate: True` the answer goes out while the step goes on", async () => {
    const { line, letGo } = hold("/at-once");
    const { url } = await house.deploy({
      name: "at-once",
      ...answering,
      steps: {
        work: `import urllib.request\ndef handler(pd):\n    pd.respond({'status': 200, 'body': 'now', 'immediate': True})\n    ${line}\n`,
      },
    });
    const response = await fetch(url);
    assert.equal(await response.text(), "now");
    letGo();
  });

  test("the first answer wins", async () => {
    const { url } = await house.deploy({
      name: "twice",
      ...answering,
      steps: {
        first: "def handler(pd):\n    pd.respond({'status': 200, 'body': 'first'})\n",
        second: "def handler(pd):\n    pd.respond({'status': 200, 'body': 'second'})\n",
      },
    });
    assert.equal(await (await fetch(url)).text(), "first");
  });

  test("an answer that nobody waits for is recorded with a warning, and the step goes on", async () => {
    await house.deploy({
      name: "unheard",
      ...answering,
      steps: { work: "def handler(pd):\n    pd.respond({'status': 201, 'body': 'x'})\n    return 'went on'\n" },
    });
    const run = await house.run("unheard");
    assert.equal(run.state, "SUCCEEDED");
    assert.equal(run.steps[0]?.returnValue, "went on");
    assert.equal(run.steps[0]?.answer?.status, 201);
    const lines = [...run.logs, ...(run.steps[0]?.logs ?? [])].map(({ text }) => text);
    assert.ok(
      lines.some((text) => /respond/.test(text)),
      JSON.stringify(lines),
    );
  });

  async function assertNamesRun(response: Response, state: string): Promise<void> {
    const text = await response.text();
    const [id] = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/.exec(text) ?? [];
    assert.ok(id, text);
    assert.equal((await house.waitRun(id)).state, state);
  }
});
