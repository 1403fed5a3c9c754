import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import type { Page } from "playwright-core";
import { house } from "../harness/shared-house.ts";
import { until } from "../harness/until.ts";
import { loaded, seriousFindings } from "../harness/web-browser.ts";
import { browser, useWebHouse } from "../harness/web-house.ts";

const HOSTILE = `<img src=x onerror="document.title='broken'">`;

const ORDER = {
  read: `def handler(pd):
    event = pd.steps["trigger"]["event"]
    pd.export("customer", {"id": 9007199254740993, "name": event.get("name", "Ada")})
    return {"lines": list(range(event.get("lines", 2)))}
`,
  charge: `def handler(pd):
    print("charging")
    if pd.steps["trigger"]["event"].get("bad"):
        raise ValueError("the card was declined")
    return {"charged": len(pd.steps["read"]["$return_value"]["lines"])}
`,
};
const PAUSED = {
  ask: "def handler(pd):\n    pd.flow.suspend(600000)\n",
  tell: 'def handler(pd):\n    return pd.steps["ask"]["$resume_data"]\n',
};
const LONG = { sleep: "import time\n\n\ndef handler(pd):\n    print('asleep', flush=True)\n    time.sleep(25)\n" };
const LOUD = {
  print: `import sys


def handler(pd):
    for n in range(5000):
        print(f"line {n:04d}", file=sys.stderr if n % 1000 == 7 else sys.stdout)
    pd.export("rows", [{"n": n, "text": "x" * 40} for n in range(80000)])
`,
};
const EVIL = {
  attack: `def handler(pd):
    html = pd.steps["trigger"]["event"]["html"]
    print(html)
    pd.export(html, html)
    pd.respond({"status": 200, "headers": {"x-evil": html}, "body": html})
    raise RuntimeError(html)
`,
};

describe("runs in the web app", () => {
  let page: Page;

  useWebHouse();
  before(async () => {
    const workflows = { order: ORDER, paused: PAUSED, long: LONG, loud: LOUD, evil: EVIL };
    for (const [name, steps] of Object.entries(workflows)) {
      await house.deploy({ name, trigger: { http: { respond: "workflow" } }, steps });
    }
    page = await browser.signedIn(house, "/runs");
  });

  async function start(workflow: string, event: unknown = {}): Promise<string> {
    const request = { parent: `workflows/${workflow}`, eventJson: JSON.stringify(event), requestId: "" };
    const run = await house.client.runs.createRun({ ...request, waitTimeout: undefined, priority: undefined });
    return run.id;
  }
  async function ended(workflow: string, event: unknown = {}): Promise<string> {
    const id = await start(workflow, event);
    await house.waitRun(id);
    return id;
  }
  const go = (path: string) => page.goto(new URL(path, house.url).href);
  const row = (id: string) => page.getByRole("row").filter({ hasText: id.slice(-12) });
  const isClean = async (what: string): Promise<void> => {
    assert.deepEqual(await seriousFindings(page), [], `axe on ${what}`);
    assert.deepEqual(browser.troubles(page), [], `the console on ${what}`);
  };

  test("the list shows runs as they are accepted and as they end, filtered by the address", async () => {
    await page.getByText("No run yet").waitFor();
    await isClean("an empty list");
    const good = await start("order");
    await row(good).getByText("Succeeded").waitFor();
    const bad = await ended("order", { bad: true });
    await row(bad).getByText("the card was declined").waitFor();
    await isClean("the list");
    await page.getByRole("button", { name: "Failed" }).click();
    await row(good).waitFor({ state: "detached" });
    await row(bad).waitFor();
    assert.equal(new URL(page.url()).searchParams.get("state"), "failed");
    const again = await start("order", { bad: true });
    await row(again).waitFor();
    await page.getByRole("searchbox").fill("nothing of the kind");
    await page.getByText("No run matches").waitFor();
    await page.reload();
    await page.getByText("No run matches").waitFor();
    await page.getByRole("button", { name: "Show all runs" }).click();
    await row(good).waitFor();
    await page.getByRole("searchbox").fill(good);
    await page.getByRole("link", { name: "Open this run" }).click();
    await page.getByRole("heading", { name: `Run ${good.slice(-12)}` }).waitFor();
  });

  test("new runs move nothing under whoever reads, and come in when they are asked for", async () => {
    await go("/runs?workflow=order");
    const first = page.getByRole("row").nth(1);
    await first.waitFor();
    const before = await first.getAttribute("id");
    await page.keyboard.press("j");
    const fresh = await start("order", { name: "Grace" });
    const arrived = page.getByRole("button", { name: "1 new" });
    await arrived.waitFor();
    assert.equal(await first.getAttribute("id"), before);
    assert.equal(await row(fresh).count(), 0);
    await arrived.click();
    await row(fresh).waitFor();
  });

  test("the keyboard alone leads from the list into a run and back", async () => {
    await go("/runs?workflow=order");
    await page.getByRole("row").nth(2).waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("k");
    await page.keyboard.press("x");
    await page.getByText("1 chosen").waitFor();
    const active = await page.getByRole("grid").getAttribute("aria-activedescendant");
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/runs/${active!.replace("run-", "")}`);
    await page.goBack();
    await page.getByRole("grid").waitFor();
  });

  test("a failed run shows the line that it failed in, its values and its times", async () => {
    const id = await ended("order", { bad: true, name: "Grace" });
    await go(`/runs/${id}`);
    await page.getByRole("heading", { name: "ValueError" }).waitFor();
    const marked = page.locator(".source-line.marked").first();
    assert.match((await marked.textContent()) ?? "", /raise ValueError\("the card was declined"\)/);
    for (const name of ["trigger", "read", "charge"]) {
      await page.getByRole("button", { name: new RegExp(`^${name}`) }).waitFor();
    }
    await isClean("a run");
    await page.getByRole("button", { name: /^read/ }).click();
    // Digits that a JavaScript number would lose.
    await page.getByRole("treeitem").filter({ hasText: "9007199254740993" }).first().waitFor();
    await page.getByRole("button", { name: /^trigger/ }).click();
    await page.getByRole("treeitem").filter({ hasText: '"Grace"' }).waitFor();
  });

  test("a log of 5,000 lines is searched, and an export of megabytes is read on demand", async () => {
    const id = await ended("loud");
    await go(`/runs/${id}`);
    await page.getByText("line 0000").waitFor();
    await page.getByText(/^5,000 lines$/).waitFor();
    assert.ok((await page.locator(".log-line").count()) < 300, "only what can be seen is drawn");
    await page.getByRole("searchbox", { name: "Search the log" }).fill("line 4321");
    await page.getByText("1 line found").waitFor();
    await page.getByRole("searchbox", { name: "Search the log" }).fill("");
    await page.getByRole("combobox", { name: "Stream" }).selectOption("LOG_STREAM_STDERR");
    await page.getByText("5 lines found").waitFor();
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await page.getByRole("treeitem").filter({ hasText: "rows" }).click();
    await page.getByRole("treeitem").filter({ hasText: "80,000" }).waitFor();
    assert.ok((await page.getByRole("treeitem").count()) < 300);
  });

  test("a paused run is resumed with data, and one that runs is cancelled", async () => {
    const paused = await start("paused");
    await go(`/runs/${paused}`);
    await page.getByText("Paused by ask").waitFor();
    await isClean("a paused run");
    await page.getByRole("button", { name: "Resume" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox").fill("{");
    await dialog.getByText("This is not JSON").waitFor();
    await dialog.getByRole("textbox").fill('{"approved": "by Ada"}');
    await isClean("the resume dialog");
    await dialog.getByRole("button", { name: "Resume" }).click();
    await page.locator(".title-line").getByText("Succeeded").waitFor();
    await page.getByRole("treeitem").filter({ hasText: "by Ada" }).first().waitFor();

    const long = await start("long");
    await go(`/runs/${long}`);
    await page.getByText("asleep").waitFor();
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    await page.getByRole("button", { name: "Cancel the run" }).click();
    await page.locator(".title-line").getByText("Cancelled").waitFor();
  });

  test("a run is replayed from a step with another event, and the two are compared", async () => {
    const id = await ended("order", { bad: true, name: "Grace" });
    await go(`/runs/${id}`);
    await page.getByRole("button", { name: "Replay" }).click();
    const dialog = page.getByRole("dialog");
    await isClean("the replay dialog");
    await dialog.getByLabel("Begin at").selectOption("charge");
    await dialog.getByLabel("Event").fill('{"name": "Grace", "fixed": true}');
    await dialog.getByRole("button", { name: "Replay" }).click();
    await page.waitForURL((url) => !url.href.includes(id));
    await page.locator(".title-line").getByText("Succeeded").waitFor();
    await page.getByText("taken over").waitFor();
    const replay = page.url().split("/").at(-1)!;
    await page.getByRole("link", { name: "Compare with…" }).click();
    await page
      .getByRole("region", { name: "Run B" })
      .getByRole("button")
      .filter({ hasText: id.slice(-12) })
      .click();
    await page.waitForURL(`**/runs/compare?a=${replay}&b=${id}`);
    const event = page.getByRole("region", { name: "Compare Event" });
    await event.getByRole("row").filter({ hasText: '["fixed"]' }).getByText("not there").waitFor();
    assert.equal(await event.getByRole("row").filter({ hasText: '["name"]' }).count(), 0);
    await event.getByRole("switch").click();
    await event.getByRole("row").filter({ hasText: '["name"]' }).waitFor();
    await isClean("the comparison");
  });

  test("chosen runs are replayed together", async () => {
    for (const which of ["one", "other"]) await ended("order", { bad: true, which });
    await go("/runs?workflow=order&state=failed");
    await page.getByRole("row").nth(2).waitFor();
    for (const index of [1, 2]) await page.getByRole("row").nth(index).getByRole("checkbox").check();
    await page.getByRole("button", { name: "Replay" }).click();
    await page.getByRole("button", { name: "Replay them" }).click();
    await page.getByText("Replayed: 2 of 2").waitFor();
    // What was done stays told whatever the list shows.
    await page.getByRole("button", { name: "Failed", pressed: true }).click();
    await page.waitForURL((url) => !url.searchParams.has("state"));
    await page.getByRole("row").nth(2).waitFor();
    await page.getByText("Replayed: 2 of 2").waitFor();
  });

  test("what runs say is text, however hostile", async () => {
    const id = await ended("evil", { html: HOSTILE });
    for (const path of [
      `/runs/${id}`,
      "/runs?workflow=evil",
      "/dead-letters?workflow=evil",
      `/runs/compare?a=${id}&b=${id}`,
    ]) {
      await go(path);
      await page.getByText(HOSTILE).first().waitFor();
      assert.equal(await page.locator("img[src=x]").count(), 0, path);
      assert.notEqual(await page.title(), "broken");
    }
    await go(`/runs/${id}`);
    await page.getByRole("tab", { name: "HTTP answer" }).click();
    await page.locator(".headers").getByText(HOSTILE).waitFor();
    await page.getByRole("button", { name: /^trigger/ }).click();
    await page.getByRole("treeitem").filter({ hasText: "onerror" }).waitFor();
    assert.equal(await page.locator("img[src=x]").count(), 0);
    assert.deepEqual(browser.troubles(page), []);
  });

  test("dead letters are replayed one by one, all together, and discarded", async () => {
    const other = await ended("order", { bad: true, which: "other" });
    const id = await ended("order", { bad: true, which: "one" });
    await go("/dead-letters?workflow=order");
    await row(id).getByText("the card was declined").waitFor();
    await isClean("dead letters");
    await row(id).getByRole("checkbox").check();
    await page.getByRole("button", { name: "Replay 1 chosen" }).click();
    await page.getByRole("button", { name: "Replay them" }).click();
    await page.getByText("Replayed: 1 of 1").waitFor();
    await row(id).waitFor({ state: "detached" });
    await row(other).waitFor();
    await page.getByRole("button", { name: "Discard all that match" }).click();
    await isClean("the question before a discard");
    await page.getByRole("button", { name: "Discard them" }).click();
    await page.getByText(/Done: \d+ discarded/).waitFor();
    await row(other).waitFor({ state: "detached" });
  });

  test("the dashboard draws what the house has counted, as tables too, and zooms", async () => {
    await go("/dashboard");
    await page.locator(".chart canvas").first().waitFor();
    await isClean("the dashboard");
    await page.getByRole("button", { name: "Runs as a table" }).click();
    const table = page.getByRole("region", { name: "Runs: table" });
    await table.getByRole("columnheader", { name: "accepted" }).waitFor();
    await until(async () => (await table.getByRole("row").count()) > 2);
    await page.getByRole("button", { name: "Runs as a table" }).click();
    const canvas = page.getByRole("region", { name: "Failures" }).locator(".u-over");
    // Waits until the chart stands still.
    await canvas.hover({ position: { x: 200, y: 50 } });
    const box = (await canvas.boundingBox())!;
    await until(async () => (await page.locator(".chart-tip").filter({ visible: true }).count()) >= 4);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.8, box.y + 50, { steps: 5 });
    await page.mouse.up();
    await page.waitForURL(/from=.*to=/);
    await page.getByRole("button", { name: "Reset the zoom" }).click();
    await page.getByRole("button", { name: "Reset the zoom" }).waitFor({ state: "detached" });
    await page.getByRole("button", { name: "30 days" }).click();
    await page.getByRole("button", { name: "30 days", pressed: true }).waitFor();
    assert.equal(new URL(page.url()).searchParams.get("range"), "2592000");
    await page.getByRole("combobox", { name: "Workflow" }).selectOption({ label: "order" });
    await page.waitForURL(/workflow=/);
    await page.getByText("choose all workflows to see them").waitFor();
    await isClean("the dashboard of a workflow");
  });

  test("every page keeps its contrast and fits in both themes and from 1024 to 1920 pixels", async () => {
    const id = await ended("order", { bad: true });
    const pages = ["/runs", `/runs/${id}`, `/runs/compare?a=${id}&b=${id}`, "/dead-letters", "/dashboard"];
    for (const look of [{ width: 1024 }, { width: 1920, height: 1080 }]) {
      const other = await browser.signedIn(house, "/runs", { ...look, theme: "dark" });
      for (const path of pages) {
        await other.goto(new URL(path, house.url).href);
        await other.locator(".card").first().waitFor();
        await loaded(other);
        if (look.width === 1024) assert.deepEqual(await seriousFindings(other), [], `axe on ${path} in the dark`);
        const overflow = await other.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
        assert.ok(overflow <= 0, `${path} is wider than ${look.width} pixels`);
      }
      await browser.close(other);
    }
  });
});
