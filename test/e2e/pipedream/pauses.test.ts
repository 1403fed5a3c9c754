import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";

import type { RunDocument } from "@millrace/cli";
import { PlatformError } from "@millrace/core";

import { deploySteps, house, linesOf, restartHouse, runSteps, useHouse, valueOf } from "../../harness/shared-house.ts";
import { until } from "../../harness/until.ts";

interface Links {
  readonly resume_url: string;
  readonly cancel_url: string;
}

/** Starts a run without waiting for its end. */
async function start(workflow: string, event: unknown = {}): Promise<string> {
  const request = { parent: `workflows/${workflow}`, eventJson: JSON.stringify(event), requestId: "" };
  return (await house.client.runs.createRun({ ...request, waitTimeout: undefined })).id;
}

/** A run that another one starts is there when its owner has accepted it: a moment after the other one's commit. */
async function untilThere(id: string): Promise<RunDocument> {
  let run: RunDocument | undefined;
  await until(async () => {
    run = await house.getRun(id).catch((error: unknown) => {
      if (error instanceof PlatformError && error.reason === "RUN_NOT_FOUND") return undefined;
      throw error;
    });
    return run !== undefined;
  }, 60_000);
  return run!;
}

/** Waits until a run is paused, in which execution of the step whatsoever. */
async function untilPaused(id: string, runs = 1): Promise<RunDocument> {
  let run = await untilThere(id);
  await until(async () => {
    run = await house.getRun(id);
    return run.state === "SUSPENDED" && run.steps.some((step) => step.runs === runs && step.state === "SUSPENDED");
  }, 60_000);
  return run;
}

/** Deploys steps, starts a run and waits until it is paused; returns it with the links that the step exported. */
async function paused(steps: Record<string, string>): Promise<{ id: string; run: RunDocument; links: Links }> {
  const { displayName } = await deploySteps(steps);
  const id = await start(displayName);
  const run = await untilPaused(id);
  const step = run.steps.find(({ state }) => state === "SUSPENDED")!;
  return { id, run, links: (step.exports as { links: Links }).links };
}

const waits = (call: string): string => `
def handler(pd):
    pd.export("links", pd.flow.${call})
    return "waited"
`;

const looks = `
def handler(pd):
    return {"before": pd.steps["wait"], "run": pd.context["run"], "name": pd.steps["wait"]["$resume_data"]["name"]}
`;

function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });
}

async function reasonOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: { reason: string } }).error.reason;
}

useHouse();

describe("pauses", () => {
  test("a delay lets the run go on by itself, later", async () => {
    const run = await runSteps({
      wait: `
import time
def handler(pd):
    pd.flow.delay(700)
    return time.time()
`,
      then: `
import time
def handler(pd):
    return time.time() - pd.steps["wait"]["$return_value"]
`,
    });
    assert.ok((valueOf(run) as number) >= 0.7, String(valueOf(run)));
    assert.match(linesOf(run).join("\n"), /the run pauses here until .* UTC \(pd\.flow\.delay\)/);
  });

  test("a suspended run goes on with what is posted to its link, which works once", async () => {
    const { id, run, links } = await paused({ wait: waits("suspend()"), then: looks });
    assert.equal(run.pause?.kind, "SUSPEND");
    assert.ok(run.pause?.cancels);
    assert.ok(Math.abs(Date.parse(run.pause.until!) - Date.now() - 24 * 3_600_000) < 120_000, run.pause.until!);
    const first = await post(`${links.resume_url}?by=mail`, { name: "Ada" });
    assert.equal(first.status, 200, await first.text());
    const ended = await house.waitRun(id);
    const value = valueOf(ended) as { before: Record<string, unknown>; run: Record<string, unknown>; name: string };
    assert.deepEqual(value.before["$resume_data"], { name: "Ada" });
    assert.equal(value.before["$return_value"], "waited");
    assert.equal(value.name, "Ada");
    const request = value.run["callback_request"] as Record<string, unknown>;
    assert.equal(request["method"], "POST");
    assert.deepEqual([request["body"], request["query"]], [{ name: "Ada" }, { by: "mail" }]);
    assert.equal(JSON.stringify(request).includes("mrl1."), false, "nobody reads the link in the run");
    assert.deepEqual((ended.steps[0]!.resume as Record<string, unknown>)["$resume_data"], { name: "Ada" });

    const second = await post(links.resume_url, { name: "Eve" });
    assert.equal(second.status, 410);
    assert.equal(await reasonOf(second), "RUN_ENDED");
    assert.equal((await fetch(links.cancel_url)).status, 410);
  });

  test("a link of a pause that is over does nothing to a later pause of the same run", async () => {
    const { id, links } = await paused({
      wait: waits("suspend()"),
      again: waits("suspend()"),
      last: "def handler(pd): pass",
    });
    assert.equal((await fetch(links.resume_url)).status, 200);
    await until(async () => (await house.getRun(id)).steps[1]!.state === "SUSPENDED", 60_000);
    for (const url of [links.resume_url, links.cancel_url]) {
      const late = await fetch(url);
      assert.equal(late.status, 410);
      assert.equal(await reasonOf(late), "LINK_USED");
    }
    assert.equal((await house.getRun(id)).state, "SUSPENDED");
    await house.client.runs.cancelRun({ name: `workflows/-/runs/${id}`, reason: "enough" });
    assert.equal((await house.getRun(id)).state, "CANCELLED");
  });

  test("the cancel link ends the run as cancelled", async () => {
    const { id, links } = await paused({ wait: waits("delay(3600000)"), then: looks });
    assert.equal((await post(links.cancel_url, {})).status, 200);
    const run = await house.waitRun(id);
    assert.equal(run.state, "CANCELLED");
    assert.equal(run.exitReason, "cancelled through its link");
    assert.deepEqual(
      run.steps.map(({ state }) => state),
      ["SUCCEEDED", "SKIPPED"],
    );
  });

  test("nobody comes: the run is cancelled with a reason, or goes on where it was told to", async () => {
    const cancelled = await runSteps({ wait: waits("suspend(timeoutMs=300)"), then: "def handler(pd): pass" });
    assert.equal(cancelled.state, "CANCELLED");
    assert.match(cancelled.exitReason ?? "", /paused in step "wait", and nobody has resumed it in time/);
    const resumed = await runSteps({
      wait: waits('suspend(300, on_timeout="resume")'),
      then: `
def handler(pd):
    return ["$resume_data" in pd.steps["wait"], pd.context["run"].get("callback_request")]
`,
    });
    assert.deepEqual(valueOf(resumed), [false, null]);
  });

  test("a step is run again with its context, and after max_retries the run goes on", async () => {
    const run = await runSteps({
      poll: `
def handler(pd):
    seen = pd.context["run"]
    print("execution", seen["runs"])
    pd.export("seen", [seen["runs"], seen["context"], "poll" in pd.steps])
    pd.flow.rerun(100, {"so_far": seen["runs"]}, maxRetries=2)
`,
      then: 'def handler(pd): return [pd.steps["poll"]["seen"], pd.context["run"]["runs"]]',
    });
    assert.deepEqual(valueOf(run), [[3, { so_far: 2 }, false], 1]);
    assert.equal(run.steps[0]!.runs, 3);
    const lines = run.steps[0]!.logs.map(({ text }) => text);
    assert.deepEqual(
      lines.filter((line) => line.startsWith("execution")),
      ["execution 1", "execution 2", "execution 3"],
    );
    assert.match(lines.join("\n"), /has been run 3 times and max_retries is 2; the run goes on with the next step/);
  });

  test("a step that waits to be run again runs at once when its link is followed", async () => {
    const { id, links } = await paused({
      wait: `
def handler(pd):
    called = pd.context["run"].get("callback_request")
    if called:
        return called["body"]
    pd.export("links", pd.flow.rerun(3600_000))
`,
    });
    assert.equal((await post(links.resume_url, [1, 2])).status, 200);
    const run = await house.waitRun(id);
    assert.deepEqual([valueOf(run), run.steps[0]!.runs], [[1, 2], 2]);
  });

  test("looking at a link does nothing: browsers, previews and prefetches get a page with a button", async () => {
    const { id, links } = await paused({ wait: waits("suspend()"), then: looks });
    const html = { accept: "text/html,application/xhtml+xml" };
    const looking: Record<string, string>[] = [
      html,
      { "user-agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)" },
      { "user-agent": "facebookexternalhit/1.1" },
      { "sec-purpose": "prefetch;prerender" },
    ];
    for (const headers of looking) {
      const page = await fetch(links.resume_url, { headers });
      assert.equal(page.status, 200);
      assert.match(await page.text(), /<form method="post"><button>Let the run go on<\/button>/);
      assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'none'.*form-action 'self'/);
      assert.equal(page.headers.get("referrer-policy"), "no-referrer");
    }
    assert.equal((await fetch(links.resume_url, { method: "HEAD" })).status, 200);
    assert.equal((await fetch(links.resume_url, { method: "DELETE" })).status, 405);
    assert.equal((await house.getRun(id)).state, "SUSPENDED");

    const button = await fetch(`${links.resume_url}?name=Grace`, {
      ...{ method: "POST", body: "", headers: { ...html, "content-type": "application/x-www-form-urlencoded" } },
    });
    assert.equal(button.status, 200);
    assert.match(await button.text(), /The run goes on/);
    assert.equal((valueOf(await house.waitRun(id)) as { name: string }).name, "Grace");
    const again = await fetch(links.resume_url, { headers: html });
    assert.equal(again.status, 410);
    assert.match(await again.text(), /the run has ended \(it has succeeded\)/);
  });

  test("what is no link of this house is none, and one that has expired says so", async () => {
    const { id, links } = await paused({ wait: waits("suspend()") });
    const token = links.resume_url.slice(links.resume_url.indexOf("/r/") + 3);
    const [, claims = "", mac = ""] = token.split(".");
    const head = links.resume_url.slice(0, -token.length) + "mrl1";
    const fields = JSON.parse(Buffer.from(claims, "base64url").toString()) as unknown[];
    const forged = Buffer.from(JSON.stringify([...fields.slice(0, 3), "CANCEL", fields[4]])).toString("base64url");
    for (const url of [`${head}.${forged}.${mac}`, `${head}.${claims}.AAAA`, `${house.url}/r/x`, `${house.url}/r/`]) {
      const answer = await fetch(url);
      assert.equal(answer.status, 404, url);
      assert.equal(await reasonOf(answer), "LINK_NOT_FOUND");
    }
    const { tokenKey } = JSON.parse(await readFile(join(house.data, "house.json"), "utf8")) as { tokenKey: string };
    const late = `mrl1.${Buffer.from(JSON.stringify([...fields.slice(0, 4), Date.now() - 1])).toString("base64url")}`;
    const sign = createHmac("sha256", Buffer.from(tokenKey, "hex")).update(late).digest("base64url");
    const expired = await fetch(`${house.url}/r/${late}.${sign}`);
    assert.equal(expired.status, 410);
    assert.equal(await reasonOf(expired), "LINK_EXPIRED");
    assert.equal((await house.getRun(id)).state, "SUSPENDED");
    assert.equal((await fetch(links.cancel_url)).status, 200);
  });

  test("a link that is followed while its step still runs waits for the pause", async () => {
    const { displayName } = await deploySteps({
      wait: `
import threading, time, urllib.request
def handler(pd):
    links = pd.flow.suspend()
    threading.Thread(target=lambda: urllib.request.urlopen(links["resume_url"]).read(), daemon=True).start()
    time.sleep(0.7)
`,
      then: 'def handler(pd): return pd.context["run"]["callback_request"]["method"]',
    });
    const id = await start(displayName);
    assert.equal(valueOf(await house.waitRun(id)), "GET");
  });

  test("the last step pauses too, and of several pauses the last one counts", async () => {
    const run = await runSteps(`
def handler(pd):
    pd.flow.delay(3600_000)
    pd.flow.suspend(500, "resume")
    return 1
`);
    assert.equal(valueOf(run), 1);
    assert.match(linesOf(run).join("\n"), /more than once: the last one counts/);
  });

  test("what makes no sense is refused at its line", async () => {
    const calls: [string, RegExp][] = [
      ["delay(0)", /ValueError.*ms is from 1 to 31536000000/],
      ["delay(31536000001)", /ValueError.*a year/],
      ['delay("1 h")', /TypeError.*ms is a number of milliseconds, not str/],
      ['suspend(on_timeout="wait")', /ValueError.*on_timeout is "cancel" or "resume"/],
      ["suspend(timeout=3)", /TypeError.*has no argument 'timeout'; it has: timeout_ms, on_timeout/],
      ["rerun(100, max_retries=-1)", /ValueError.*max_retries is a whole number/],
      ["rerun(100, {1j})", /TypeError.*context/],
      ["rerun()", /TypeError.*delay_ms is a number/],
      ['trigger("nobody")', /there is no workflow "nobody"/],
      ["trigger(3)", /TypeError.*named by a str/],
    ];
    const body = calls.map(([call]) => `    lambda pd: pd.flow.${call},`).join("\n");
    const run = await runSteps(`
CALLS = [
${body}
]
def handler(pd):
    said = []
    for call in CALLS:
        try:
            said.append(repr(call(pd)))
        except Exception as error:
            said.append(f"{type(error).__name__}: {error}")
    return said
`);
    const said = valueOf(run) as string[];
    for (const [index, [call, expected]] of calls.entries()) assert.match(said[index]!, expected, call);
  });

  test("a client that waits for an answer is told at the pause that there is none", async () => {
    const silent = await deploySteps({
      wait: waits("delay(60000)"),
      then: 'def handler(pd): pd.respond({"status": 200, "body": "late"})',
    });
    const begun = Date.now();
    const answer = await fetch(silent.url);
    assert.equal(answer.status, 400);
    assert.equal(await reasonOf(answer), "RUN_PAUSED");
    assert.ok(Date.now() - begun < 30_000);
    const before = await deploySteps(`
def handler(pd):
    pd.respond({"status": 202, "body": pd.flow.delay(60000)["resume_url"]})
`);
    const early = await fetch(before.url);
    assert.equal(early.status, 202);
    assert.equal((await fetch(await early.text())).status, 200);
  });

  test("everything stops and starts again while runs are paused: a day later they go on where they were", async () => {
    const resumed = await paused({
      save: `
import os
def handler(pd):
    with open("/tmp/saved.bin", "wb") as file:
        file.write(os.urandom(5 * 1024 * 1024))
`,
      wait: waits("suspend()"),
      then: `
import os
def handler(pd):
    return [os.path.getsize("/tmp/saved.bin"), pd.steps["wait"]["$resume_data"]["name"], pd.context["run"]["resumed"]]
`,
    });
    const delayed = await paused({ wait: waits("delay(24 * 3600_000)"), then: "def handler(pd): return 'woken'" });
    const late = await paused({ wait: waits("suspend()"), then: looks });
    const child = await paused({
      wait: `
def handler(pd):
    pd.export("links", pd.flow.trigger("${(await house.getRun(late.id)).workflow}", wait=True))
`,
      then: 'def handler(pd): return pd.steps["wait"]["$child"]["state"]',
    });
    // The clock goes on while nothing lives: for what is kept, that is the same as having begun earlier.
    const database = await house.connectDatabase();
    const moved = [delayed.id, late.id];
    await database.query("UPDATE runs SET wake_time = wake_time - interval '25 hours' WHERE id = ANY ($1)", [moved]);
    await database.query("UPDATE runs SET wake_time = wake_time - interval '23 hours' WHERE id = $1", [resumed.id]);
    await database.end();
    await restartHouse();
    const answer = await post(resumed.links.resume_url, { name: "Barbara" });
    assert.equal(answer.status, 200, await answer.text());
    assert.deepEqual(valueOf(await house.waitRun(resumed.id)), [5 * 1024 * 1024, "Barbara", true]);
    assert.equal(valueOf(await house.waitRun(delayed.id)), "woken");
    const cancelled = await house.waitRun(late.id);
    assert.deepEqual([cancelled.state, cancelled.steps[1]!.state], ["CANCELLED", "SKIPPED"]);
    const waited = (child.run.steps[0]!.exports as { links: { run: string } }).links.run;
    await house.client.runs.cancelRun({ name: `workflows/-/runs/${waited}`, reason: "" });
    assert.equal(valueOf(await house.waitRun(child.id)), "CANCELLED");
  });

  test("the command line shows a pause and ends it", async () => {
    const { id, run } = await paused({ wait: waits("suspend()"), then: looks });
    const listed = await house.cli(["runs", "--workflow", run.workflow]);
    assert.match(listed.stdout, /SUSPENDED .* until 20\d\d-/);
    assert.match((await house.cli(["runs", id])).stdout, /paused\s+in wait, until .*; then it is cancelled/);
    const resumed = await house.cli(["resume", id, "--value", '{"name": "Linus"}', "--json"]);
    assert.equal(resumed.code, 0, resumed.stdout + resumed.stderr);
    const ended = await house.waitRun(id);
    assert.equal((valueOf(ended) as { name: string }).name, "Linus");
    const late = await house.cli(["resume", id, "--json"]);
    assert.equal(late.code, 7, late.stdout);
    assert.match(late.stdout, /RUN_NOT_PAUSED/);
  });
});

describe("workflows that start workflows", () => {
  const double = 'def handler(pd): return pd.steps["trigger"]["event"]["n"] * 2';

  test("a run starts another one and goes on, or waits for its result", async () => {
    const child = await deploySteps(double, { name: "double" });
    const loose = await runSteps('def handler(pd): return pd.flow.trigger("double", {"n": 4})');
    const started = valueOf(loose) as { run: string; workflow: string };
    assert.deepEqual(Object.keys(started), ["run", "workflow"]);
    await until(
      () =>
        house.waitRun(started.run).then(
          ({ state }) => state === "SUCCEEDED",
          () => false,
        ),
      60_000,
    );
    const ran = await house.getRun(started.run);
    assert.deepEqual([ran.workflowId, ran.trigger, valueOf(ran)], [child.name.split("/")[1], "workflow", 8]);

    const waiting = await runSteps({
      call: `def handler(pd): return pd.flow.trigger("${child.name.split("/")[1]}", {"n": 21}, wait=True)["run"]`,
      then: 'def handler(pd): return [pd.steps["call"]["$child"], pd.steps["call"]["$return_value"]]',
    });
    const [result, run] = valueOf(waiting) as [Record<string, unknown>, string];
    assert.deepEqual(result, { run, state: "SUCCEEDED", error: null, reason: "", result: 42 });
  });

  test("a child that fails, is cancelled or cannot be started says so in the step that waited", async () => {
    await deploySteps('def handler(pd): raise ValueError("no")', { name: "fails" });
    await deploySteps(waits("suspend()"), { name: "sleeps" });
    const caller = (name: string) => ({
      call: `def handler(pd): pd.export("child", pd.flow.trigger("${name}", wait=True)["run"])`,
      then: 'def handler(pd): return pd.steps["call"]["$child"]',
    });
    const failed = valueOf(await runSteps(caller("fails"))) as Record<string, unknown>;
    assert.equal(failed["state"], "FAILED");
    assert.deepEqual(failed["error"], { step: "code", type: "ValueError", message: "no", line: 1 });

    const { displayName } = await deploySteps(caller("sleeps"));
    const id = await start(displayName);
    const parent = await untilPaused(id);
    const child = (parent.steps[0]!.exports as { child: string }).child;
    assert.equal(parent.pause?.childRun, child);
    await untilPaused(child);
    await house.client.runs.cancelRun({ name: `workflows/-/runs/${child}`, reason: "too long" });
    const told = valueOf(await house.waitRun(id)) as Record<string, unknown>;
    assert.deepEqual([told["state"], told["reason"]], ["CANCELLED", "too long"]);
  });

  test("who cancels a run that waits cancels what it waits for", async () => {
    await deploySteps(waits("suspend()"), { name: "waited-for" });
    const { displayName } = await deploySteps(
      'def handler(pd): pd.export("child", pd.flow.trigger("waited-for", wait=True)["run"])',
    );
    const id = await start(displayName);
    const child = ((await untilPaused(id)).steps[0]!.exports as { child: string }).child;
    await untilPaused(child);
    await house.client.runs.cancelRun({ name: `workflows/-/runs/${id}`, reason: "" });
    const ended = await house.waitRun(child);
    assert.equal(ended.state, "CANCELLED");
    assert.match(ended.exitReason ?? "", new RegExp(`the run that waited for it, ${id}, was cancelled`));
  });

  test("a workflow that starts itself comes to an end", async () => {
    const { displayName } = await deploySteps('def handler(pd): pd.flow.trigger("loop")', { name: "loop" });
    await start(displayName);
    await until(
      async () =>
        (await house.cliJson<RunDocument[]>(["runs", "--workflow", "loop"])).some(({ state }) => state === "FAILED"),
      90_000,
    );
    const runs = await house.cliJson<RunDocument[]>(["runs", "--workflow", "loop"]);
    assert.equal(runs.length, 33);
    assert.match(
      runs.find(({ state }) => state === "FAILED")?.failure?.message ?? "",
      /32 workflows have started each other/,
    );
  });
});
