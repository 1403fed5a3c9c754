import assert from "node:assert/strict";
import { after, test } from "node:test";

import type { Page } from "playwright-core";
import { PackageIndex } from "../harness/package-index.ts";
import { house } from "../harness/shared-house.ts";
import { until } from "../harness/until.ts";
import { seriousFindings } from "../harness/web-browser.ts";
import { browser, useWebHouse } from "../harness/web-house.ts";

let index: PackageIndex;
useWebHouse(async () => {
  index = await PackageIndex.start();
  // In place of the real one: this machine may know no other index.
  index.add({ name: "requests", version: "2.99.0", files: { "requests/__init__.py": '__version__ = "2.99.0"\n' } });
  return { environment: { MILLRACE_PACKAGE_INDEX_URL: index.url } };
});
after(() => index?.stop());

const HOSTILE = `<img src=x onerror="document.title='broken'"><script>alert(1)</script>`;

/** Creates a workflow by the page's own buttons, and waits for its builder. */
async function createWorkflow(page: Page, name: string, template = "Empty"): Promise<void> {
  await page.getByRole("button", { name: "New workflow" }).first().click();
  await page.getByRole("radio", { name: template }).check();
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name, level: 1 }).waitFor();
}

/** Adds a Python step as the reference describes it: +, Custom Code, the language, its code. */
async function addCode(page: Page, code: string): Promise<void> {
  await page.getByRole("button", { name: "Add a step", exact: true }).click();
  await page.getByRole("combobox", { name: "Language" }).selectOption("python");
  await page.getByRole("button", { name: "Add code" }).click();
  await replaceCode(page, code);
}

async function replaceCode(page: Page, code: string): Promise<void> {
  const editor = page.getByRole("textbox", { name: /^Python code of/ });
  await editor.click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(code);
}

function saved(page: Page): Promise<void> {
  return page
    .getByRole("status")
    .filter({ hasText: /^Saved$/ })
    .waitFor();
}

/** Deploys what the builder shows; the address that the page then tells. */
async function deploy(page: Page): Promise<string> {
  await page.keyboard.press("ControlOrMeta+d");
  await page.getByRole("button", { name: /^Deploy (now|over)/ }).click();
  await page.getByRole("heading", { name: /^Version \d+ is live$/ }).waitFor({ timeout: 60_000 });
  const url = await page.getByRole("dialog").locator("code").first().innerText();
  assert.match(url, /\/t\//);
  return url;
}

test("a workflow is made, tested, deployed, called, watched and replayed by clicks and typing", async () => {
  const page = await browser.signedIn(house);
  const beganMs = Date.now();
  await page.getByRole("heading", { name: "Make your first workflow" }).waitFor();
  assert.deepEqual(await seriousFindings(page), []);
  await createWorkflow(page, "from the page");
  await addCode(
    page,
    `import requests


def handler(pd):
    name = pd.steps["trigger"]["event"]["body"]["name"]
    print("hello", name, "from requests", requests.__version__)
    pd.respond({"status": 200, "body": {"hello": name}})
    return {"letters": list(name)}
`,
  );
  await saved(page);
  await page.keyboard.press("ControlOrMeta+Enter");
  const results = page.getByRole("region", { name: "Results" });
  await results.getByText("hello Ada from requests 2.99.0").waitFor({ timeout: 60_000 });
  await results.getByText("Succeeded").waitFor();
  await page.getByRole("button", { name: "requests 2.99.0" }).waitFor();
  assert.deepEqual(await seriousFindings(page), []);

  const url = await deploy(page);
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "Grace" }),
  });
  assert.deepEqual([response.status, await response.json()], [200, { hello: "Grace" }]);
  const took = Date.now() - beganMs;
  assert.ok(took < 120_000, `from nothing to an answer took ${took} ms`);

  await page.getByRole("link", { name: "Watch its runs" }).click();
  await page.getByRole("heading", { name: "Newest runs" }).waitFor();
  const runId = response.headers.get("millrace-run") ?? "";
  await page.locator(`a[href$="/runs/${runId}"]`).first().waitFor();
  const later = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"name":"Joan"}',
  });
  const laterId = later.headers.get("millrace-run") ?? "";
  await page.locator(`a[href$="/runs/${laterId}"]`).first().click();
  await page.getByText("hello Joan from requests 2.99.0").waitFor();
  await page.getByRole("button", { name: "Replay" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Replay" }).click();
  await page.waitForURL((address) => address.pathname.startsWith("/runs/") && !address.pathname.endsWith(laterId));
  await page.getByText("hello Joan from requests 2.99.0").waitFor();
  assert.deepEqual(browser.troubles(page), []);
  await browser.close(page);
});

test("what people and events contain is text: names of steps, log lines, exports and events", async () => {
  const page = await browser.signedIn(house);
  await createWorkflow(page, "hostile");
  const code = `def handler(pd):
    print(pd.steps["trigger"]["event"]["body"]["name"])
    return {pd.steps["trigger"]["event"]["body"]["name"]: pd.steps["trigger"]["event"]["body"]["name"]}
`;
  await addCode(page, code);
  await page.getByLabel("Name of the step").fill(HOSTILE.slice(0, 64));
  await page.getByLabel("Name of the step").press("Enter");
  await page.getByRole("button", { name: /^trigger/ }).click();
  await page.getByRole("button", { name: "curl command" }).click();
  await page
    .getByLabel("A curl command")
    .fill(`curl ${house.url} --json '${JSON.stringify({ name: HOSTILE }).replaceAll("'", "'\\''")}'`);
  await page.getByRole("button", { name: "Use as the event" }).click();
  await page.getByText("From a curl command", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Test all steps" }).click();
  await page
    .getByRole("listitem")
    .filter({ hasText: HOSTILE.slice(0, 64) })
    .getByText("Succeeded")
    .waitFor({ timeout: 60_000 });
  await page.getByRole("navigation", { name: "Steps" }).getByText(HOSTILE.slice(0, 64)).click();
  const results = page.getByRole("region", { name: "Results" });
  await results.getByText(HOSTILE).waitFor();
  await results.getByRole("button", { name: "Exports" }).click();
  await results.getByText(JSON.stringify(HOSTILE)).waitFor();
  await results.getByRole("button", { name: "Details" }).click();
  await results.getByRole("link", { name: "Open the test’s run" }).click();
  await page.getByRole("log").getByText(HOSTILE).waitFor();
  assert.equal(await page.locator("main img, main script").count(), 0);
  assert.doesNotMatch(await page.title(), /broken/);
  assert.deepEqual(browser.troubles(page), []);
  await browser.close(page);
});

test("of two people who edit one step, the second is told at once, sees both, and chooses", async () => {
  const [one, other] = await Promise.all([browser.signedIn(house), browser.signedIn(house)]);
  await createWorkflow(one, "together");
  await addCode(one, "def handler(pd):\n    return 1\n");
  await saved(one);
  await other.goto(one.url());
  await other.getByRole("textbox", { name: /^Python code of/ }).waitFor();

  await replaceCode(one, "def handler(pd):\n    return 'from the first'\n");
  await other.getByText("return 'from the first'").waitFor();
  await other.getByText("admin changed “code”").waitFor();

  // The first one's saves do not get through, and what was typed is kept; meanwhile the second saves.
  await one.context().setOffline(true);
  await replaceCode(one, "def handler(pd):\n    return 'mine'\n");
  await one.getByRole("status").filter({ hasText: "Offline, kept in this browser" }).waitFor();
  await replaceCode(other, "def handler(pd):\n    return 'theirs'\n");
  // What is shown as saved may still be what stood there before: the house itself says when it has the new text.
  await until(async () => {
    const answer = await house.ask("workflows/together/draft");
    return (await answer.text()).includes("'theirs'");
  });
  await one.context().setOffline(false);
  const dialog = one.getByRole("dialog");
  await dialog.getByText("admin has changed “code” first").waitFor();
  await dialog.getByText("'theirs'").waitFor();
  await dialog.getByText("'mine'").waitFor();
  await dialog.getByRole("button", { name: "Keep mine" }).click();
  await saved(one);
  await other.getByText("return 'mine'").waitFor();
  await Promise.all([browser.close(one), browser.close(other)]);
});

test("nothing that is typed is lost, whatever ends, and what the draft was can be had back", async () => {
  const page = await browser.signedIn(house);
  await createWorkflow(page, "careful");
  await addCode(page, "def handler(pd):\n    return 1\n");
  await saved(page);
  const says = (text: string) => page.getByRole("status").filter({ hasText: text }).waitFor();
  const draftHas = (text: string) =>
    until(async () => (await (await house.ask("workflows/careful/draft")).text()).includes(text));

  await page.getByRole("button", { name: "Configure" }).click();
  await page.getByLabel("Time limit of this step").fill("9s");
  await says("Saving …");
  await page.keyboard.press("ControlOrMeta+s");
  await saved(page);
  await draftHas("9s");
  await page.getByRole("button", { name: "Code", exact: true }).click();

  const steps = "**/draft/steps/*";
  await page.route(steps, (route) => route.fulfill({ status: 401, json: { error: { message: "sign in" } } }));
  await replaceCode(page, "def handler(pd):\n    return 'signed out'\n");
  const again = page.getByRole("alertdialog", { name: "Sign in again" });
  await again.getByRole("button", { name: "Use an API key" }).click();
  await again.getByLabel("API key", { exact: true }).fill(house.apiKey);
  await page.unroute(steps);
  await again.getByRole("button", { name: "Sign in", exact: true }).click();
  await again.waitFor({ state: "detached" });
  await saved(page);
  await draftHas("signed out");

  await page.context().setOffline(true);
  await replaceCode(page, "def handler(pd):\n    return 'offline'\n");
  await says("Offline, kept in this browser");
  const asked = new Promise<string>((resolve) =>
    page.once("dialog", (dialog) => {
      resolve(dialog.type());
      void dialog.dismiss();
    }),
  );
  await page.close({ runBeforeUnload: true });
  assert.equal(await asked, "beforeunload");
  await page.context().setOffline(false);
  await saved(page);

  await replaceCode(page, "def handler(pd):\n    return 'left at once'\n");
  await page.goto("about:blank");
  await draftHas("left at once");
  await page.goBack();
  await page.getByText("return 'left at once'").waitFor();

  await page.getByRole("button", { name: "More", exact: true }).click();
  await page.getByRole("menuitem", { name: "What the draft was" }).click();
  const dialog = page.getByRole("dialog", { name: "What the draft was" });
  await dialog.locator(".cm-deletedText, .cm-changedText, .cm-changedLine").first().waitFor();
  assert.deepEqual(await seriousFindings(page), []);
  await dialog.getByRole("navigation").getByRole("button").last().click();
  await dialog.getByText("Nothing: it is the same.").or(dialog.getByText("code.py")).first().waitFor();
  await dialog.getByRole("button", { name: "Go back to this" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByText("return 'left at once'").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Undo going back to an earlier state" }).click();
  await page.getByText("return 'left at once'").waitFor();
  await browser.close(page);
});

test("what a deploy objects to is marked while one types, and steps are moved, removed and brought back", async () => {
  const page = await browser.signedIn(house);
  await createWorkflow(page, "counting", "Counter in a data store");
  const steps = page.getByRole("navigation", { name: "Steps" });
  const names = () => steps.locator(".step-name").allInnerTexts();
  await steps.getByText("answer", { exact: true }).waitFor();
  await steps.getByText("answer", { exact: true }).click();
  await replaceCode(page, "def handler(pd)\n    return 1\n");
  await steps.getByText("1 mistake").waitFor();
  await page.locator(".cm-lintRange-error").first().waitFor();

  await page.getByRole("button", { name: "More for this step" }).click();
  await page.getByRole("menuitem", { name: "Move up" }).click();
  await until(async () => (await names()).join() === "trigger,answer,count");
  await steps.getByText("count", { exact: true }).dragTo(steps.getByText("answer", { exact: true }));
  await until(async () => (await names()).join() === "trigger,count,answer");
  await page.getByRole("button", { name: "More for this step" }).click();
  await page.getByRole("menuitem", { name: "Remove the step" }).click();
  await until(async () => (await names()).join() === "trigger,count");
  await page.getByRole("button", { name: "Undo removing a step" }).click();
  await until(async () => (await names()).join() === "trigger,count,answer");
  await browser.close(page);
});

test("a request to the test address becomes the event, and an earlier version is live again by two clicks", async () => {
  const page = await browser.signedIn(house, "/", { width: 1024, theme: "dark" });
  await createWorkflow(page, "answers", "HTTP answer");
  await page.getByRole("button", { name: /^trigger/ }).click();
  const address = await page
    .getByRole("region", { name: "Trigger" })
    .locator("code", { hasText: "/t/test-" })
    .first()
    .innerText();
  await page.getByText("Waiting for a request.").waitFor();
  const sent = await fetch(address, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: '{"name":"Katherine"}',
  });
  assert.ok(sent.ok);
  await page.getByText("A request to the test address").waitFor();
  assert.deepEqual(await seriousFindings(page), []);
  await page.getByRole("button", { name: "Test all steps" }).click();
  await page.getByRole("listitem").getByText("Succeeded").waitFor({ timeout: 60_000 });
  await page.getByRole("navigation", { name: "Steps" }).getByText("answer", { exact: true }).click();
  await page.getByText('"Katherine"').waitFor();

  const url = await deploy(page);
  await page.getByRole("button", { name: "Done" }).click();
  await replaceCode(page, "def handler(pd):\n    pd.respond({'status': 410, 'body': 'gone'})\n");
  await saved(page);
  await deploy(page);
  await page.getByRole("button", { name: "Done" }).click();
  assert.equal((await fetch(url)).status, 410);
  await page.getByRole("link", { name: "Versions" }).click();
  await page.getByRole("heading", { name: "Version 2" }).waitFor();
  await page.getByText("'gone'").waitFor();
  assert.deepEqual(await seriousFindings(page), []);
  await page.getByRole("navigation", { name: "Versions" }).getByRole("button", { name: /^v1/ }).click();
  await page.getByRole("button", { name: "Roll back to this" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Roll back" }).click();
  await page.getByRole("heading", { name: "Version 1" }).waitFor();
  await page.getByRole("navigation", { name: "Versions" }).getByText("v3").waitFor();
  assert.equal((await fetch(url)).status, 200);
  assert.deepEqual(browser.troubles(page), []);
  await browser.close(page);
});
