/// <reference lib="dom" />
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { before, describe, test } from "node:test";

import type { Page } from "playwright-core";
import { house } from "../harness/shared-house.ts";
import { until } from "../harness/until.ts";
import { browser, useWebHouse } from "../harness/web-house.ts";

/** Tries whatever a page can try to get at the session, and to call the API with it. */
const ATTACK = `<!doctype html><title>quiet</title>
<script>
  document.title = "ran";
  fetch("/api/v1/apiKeys", { method: "POST", headers: { "x-millrace-csrf": "1", "content-type": "application/json" }, body: "{}" });
  navigator.serviceWorker.register("/t/x");
</script>
<img src="/api/v1/users?by=image" onerror="document.title='ran'">
<link rel="stylesheet" href="/api/v1/users?by=style">
<iframe src="/?by=frame"></iframe>
<object data="/api/v1/users?by=object"></object>
<form action="/api/v1/sessions:signOut" method="post"><button id="send">Win a prize</button></form>
<a id="away" href="javascript:document.title='ran'">Click</a>
<svg onload="document.title='ran'"></svg>`;
const SVG = `<svg xmlns="http://www.w3.org/2000/svg"><script>document.title="ran"</script><text y="20">picture</text></svg>`;
const WORKER = "self.addEventListener('fetch', (event) => event.respondWith(new Response('owned')))";
const SOURCE = `
KINDS = {
    "html": ("text/html", ${JSON.stringify(ATTACK)}),
    "svg": ("image/svg+xml", ${JSON.stringify(SVG)}),
    "script": ("text/javascript", "parent.document.title = 'ran'"),
    "worker": ("text/javascript", ${JSON.stringify(WORKER)}),
}
def handler(pd):
    event = pd.steps["trigger"]["event"]
    kind, body = KINDS[event["query"].get("kind", "html")]
    headers = {"content-type": kind, "service-worker-allowed": "/", "set-cookie": "millrace_session=stolen; Path=/",
        "content-security-policy": "sandbox allow-scripts allow-same-origin", "clear-site-data": '"cookies"',
        "access-control-allow-origin": "*", "access-control-allow-credentials": "true"}
    pd.respond({"status": 200, "headers": headers, "body": body})
    return {"cookie": event["headers"].get("cookie"), "authorization": event["headers"].get("authorization")}
`;

describe("HTML and script in a workflow's answer, opened from the house's own host", () => {
  let page: Page;
  let address: string;

  useWebHouse();
  before(async () => {
    const deployed = await house.deploy({
      ...{ name: "hostile", trigger: { http: { respond: "workflow" } }, steps: { attack: SOURCE } },
    });
    address = deployed.url;
    page = await browser.signedIn(house);
  });

  /** Whether the browser still has its session: by a call that the app itself makes. */
  async function isSignedIn(): Promise<boolean> {
    await page.goto(new URL("/", house.url).href);
    return page.evaluate(async () => (await fetch("/api/v1/users")).status === 200);
  }

  /** Goes to an address of the workflow; tells what the page there asked of the house, and what of it was answered well. */
  async function visit(query: string): Promise<{ asked: string[]; had: string[] }> {
    const [asked, had]: [string[], string[]] = [[], []];
    page.on("request", (request) => asked.push(request.url()));
    page.on("response", (response) => response.ok() && had.push(response.url()));
    await page.goto(`${address}?${query}`, { waitUntil: "networkidle" });
    page.removeAllListeners("request");
    page.removeAllListeners("response");
    return { asked, had };
  }

  test("runs nothing and reads nothing, whatever its own headers ask for", async () => {
    assert.equal(await isSignedIn(), true);
    const { asked, had } = await visit("kind=html");
    assert.equal(await page.title(), "quiet");
    assert.ok(
      asked.some((url) => url.includes("by=image")),
      "the picture was asked for",
    );
    assert.deepEqual(
      had.filter((url) => /\/api\/.*by=/.test(url)),
      [],
    );
    await page.locator("#send").click();
    await page.locator("#away").click();
    assert.deepEqual([await page.title(), page.url()], ["quiet", `${address}?kind=html`], "nor by clicks");
    assert.equal(await page.evaluate(() => window.origin), "null", "an origin of its own");
    await page.goto(`${address}?kind=svg`);
    assert.notEqual(await page.title(), "ran");
    assert.equal(await isSignedIn(), true, "the session is where it was");
  });

  test("never sees the session, nor a key", async () => {
    await visit("kind=html");
    const { runs } = await house.client.runs.listRuns({
      ...{ parent: "workflows/hostile", pageSize: 10, pageToken: "", state: 0, states: [], version: 0, text: "" },
      ...{ createdFrom: undefined, createdBefore: undefined, minDuration: undefined, maxDuration: undefined },
      ...{ triggerKind: "http", requestId: "" },
    });
    assert.ok(runs.length > 0, "the visit has begun a run");
    for (const { id } of runs) {
      const run = await house.waitRun(id);
      assert.deepEqual(run.steps[0]!.returnValue, { cookie: null, authorization: null });
    }
  });

  test("becomes no worker of the house, even for script that runs in the app", async () => {
    assert.equal(await isSignedIn(), true);
    const refused = await page.evaluate(async (script) => {
      const registered = navigator.serviceWorker.register(script, { scope: new URL(".", script).pathname });
      return registered.then(
        () => "registered",
        (error: Error) => error.message,
      );
    }, `${address}/worker.js?kind=worker`);
    assert.match(refused, /403|bad HTTP response|unsupported/i);
    const status = await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length);
    assert.equal(status, 0);
    await until(isSignedIn);
  });

  test("is no script of the app, whoever puts it there", async () => {
    assert.equal(await isSignedIn(), true);
    await page.evaluate(async (src) => {
      const frame = document.createElement("iframe");
      frame.srcdoc = `<script src="${src}"></script><p>loaded`;
      const loaded = new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
      document.body.append(frame);
      await loaded;
    }, `${address}?kind=script`);
    assert.notEqual(await page.title(), "ran");
  });

  test("can be called from anywhere else without the session, and the API cannot", async () => {
    // Another port of the same host: the same site to a browser, which sends the cookie along.
    const server = createServer((_request, response) => response.setHeader("content-type", "text/html").end("<p>mine"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const answers = await page.evaluate(
      async ([trigger, api]) => {
        const open = await fetch(trigger!).then((response) => response.status);
        const closed = await fetch(api!, { credentials: "include" }).then(
          (response) => String(response.status),
          () => "refused",
        );
        return [open, closed];
      },
      [`${address}?kind=svg`, new URL("/api/v1/users", house.url).href],
    );
    assert.deepEqual(answers, [200, "refused"]);
    await page.setContent(
      `<form method="post" action="${new URL("/api/v1/sessions:signOut", house.url).href}"><button>Go`,
    );
    const sent = page.waitForResponse((response) => response.url().includes("signOut"));
    await page.locator("button").click();
    assert.equal((await sent).status(), 403);
    server.close();
    assert.equal(await isSignedIn(), true);
  });
});
