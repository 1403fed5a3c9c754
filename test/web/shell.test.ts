import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import type { Page, Response } from "playwright-core";
import { house } from "../harness/shared-house.ts";
import { until } from "../harness/until.ts";
import { seriousFindings } from "../harness/web-browser.ts";
import { browser, useWebHouse } from "../harness/web-house.ts";

const FIRST_LOAD_BYTES_MAX = 250_000;

describe("around every page of the web app", () => {
  let page: Page;

  useWebHouse({ environment: { MILLRACE_SIGN_IN_FAILURES_MAX: "3" } });
  before(async () => {
    await house.deploy({
      name: "Order import",
      trigger: { http: {} },
      steps: { hello: "def handler(pd):\n    return 1\n" },
    });
    page = await browser.signedIn(house, "/environment");
  });

  const button = (name: string) => page.getByRole("button", { name, exact: true });
  const heading = (name: string) => page.getByRole("heading", { name, level: 1, exact: true });

  test("the first load is small, and has neither the editor nor the charts in it", async () => {
    const fresh = await browser.signedIn(house, "/api/v1/openapi.json");
    const scripts: Response[] = [];
    fresh.on("response", (response) => {
      if (response.url().endsWith(".js")) scripts.push(response);
    });
    await fresh.goto(house.url);
    await fresh.getByRole("link", { name: "Order import" }).waitFor();
    let bytes = 0;
    for (const response of scripts) {
      const text = await response.text();
      assert.doesNotMatch(text, /cm-editor|u-legend/, `${response.url()} belongs to the editor or the charts`);
      bytes += Number((await response.allHeaders())["content-length"]);
      assert.match((await response.allHeaders())["content-encoding"] ?? "", /^(br|gzip)$/);
    }
    assert.ok(scripts.length > 1 && bytes > 50_000, `${bytes} bytes in ${scripts.length} scripts were seen`);
    assert.ok(bytes < FIRST_LOAD_BYTES_MAX, `the first load has ${bytes} bytes of script`);
    await browser.close(fresh);
  });

  test("the palette leads anywhere by a few letters, and does what it is told", async () => {
    await heading("Environment").waitFor();
    await page.keyboard.press("Control+k");
    const finder = page.getByRole("combobox");
    await finder.waitFor();
    await page.getByRole("option", { name: "Order import" }).waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await page.keyboard.type("ordim");
    await page.getByRole("option", { name: "Order import", selected: true }).waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/workflows\/[^/]+/);
    await page.keyboard.press("Control+k");
    await finder.fill("theda");
    await page.getByRole("option", { name: "Theme: dark", selected: true }).waitFor();
    await page.keyboard.press("Enter");
    await until(() => page.evaluate(() => document.documentElement.dataset["theme"] === "dark"));
    await page.keyboard.press("Control+k");
    await finder.fill("zzzz");
    await page.getByText("Nothing is called like").waitFor();
    await page.keyboard.press("Escape");
    await finder.waitFor({ state: "detached" });
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).getByText("Search and commands").waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await page.keyboard.press("Escape");
  });

  test("a new page has its title and the focus at its heading; the way back leads to where one was", async () => {
    await page.goto(new URL("/settings/project", house.url).href);
    await page.getByRole("region", { name: "Queue" }).waitFor();
    const main = page.locator("main");
    let top = 0;
    await until(async () => {
      await main.evaluate((element) => element.scrollTo(0, 300));
      top = await main.evaluate((element) => element.scrollTop);
      return top > 50;
    });
    await page.getByRole("link", { name: "Runners" }).first().click();
    await heading("Runners").waitFor();
    await until(() => page.evaluate(() => document.activeElement?.tagName === "H1"));
    await until(async () => (await page.title()) === "Runners · Millrace");
    await until(() => main.evaluate((element) => element.scrollTop === 0));
    await page.goBack();
    await until(() => main.evaluate((element, wanted) => element.scrollTop === wanted, top));
    await page.keyboard.press("Control+k");
    await page.keyboard.press("Escape");
    const skip = page.getByRole("link", { name: "Skip to the content" });
    await page.reload();
    await page.getByRole("region", { name: "Queue" }).waitFor();
    await page.keyboard.press("Tab");
    assert.ok(await skip.evaluate((link) => link === document.activeElement));
  });

  test("the navigation folds on small windows, and as one likes", async () => {
    await page.setViewportSize({ width: 1024, height: 768 });
    const side = page.getByRole("navigation", { name: "Main" });
    const width = async () => (await side.boundingBox())!.width;
    await until(async () => (await width()) < 70);
    assert.equal(await side.getByRole("link").count(), 11, "the mark and ten places keep their names");
    await button("Widen the navigation").click();
    await until(async () => (await width()) > 180);
    await button("Narrow the navigation").click();
    await until(async () => (await width()) < 70);
    await page.setViewportSize({ width: 1366, height: 768 });
    await page.waitForFunction(() => document.documentElement.clientWidth === 1366);
    assert.ok((await width()) < 70, "what was chosen holds");
    await button("Widen the navigation").click();
  });

  test("says that the house is silent while it is, and reads again when it is back", async () => {
    await page.goto(new URL("/runners", house.url).href);
    await page.getByRole("cell", { name: "Ready" }).waitFor();
    await page.route("**/api/**", (route) => route.abort());
    await page.getByText("The house does not answer. What you see may be old").waitFor();
    await page.unroute("**/api/**");
    await page.getByText("The house answers again.").waitFor();
    await page.getByText("What you see may be old").waitFor({ state: "detached" });
  });

  test("a session that ends while one works is begun again in front of the page", async () => {
    await page.goto(new URL("/environment", house.url).href);
    await button("Add variable").click();
    await page.getByLabel("Name", { exact: true }).fill("KEEP_ME");
    await page.getByLabel("Value", { exact: true }).fill("typed before");
    await page.context().clearCookies();
    await button("Save").click();
    const again = page.getByRole("alertdialog", { name: "Sign in again" });
    await again.getByRole("button", { name: "Use an API key" }).click();
    await again.getByLabel("API key", { exact: true }).fill(house.apiKey);
    await again.getByRole("button", { name: "Sign in", exact: true }).click();
    await again.waitFor({ state: "detached" });
    assert.equal(await page.getByLabel("Value", { exact: true }).inputValue(), "typed before");
    await button("Save").click();
    await page.getByRole("cell", { name: "KEEP_ME", exact: true }).waitFor();
  });

  test("a part of the app that is gone after an update is said, with the way on", async () => {
    await page.route("**/assets/files-page*", (route) => route.fulfill({ status: 404, body: "gone" }));
    await page.getByRole("link", { name: "Files" }).click();
    await heading("Load Millrace again").waitFor();
    await page.unroute("**/assets/files-page*");
    await button("Load again").click();
    await heading("Files").waitFor();
  });

  test("signs out, refuses a wrong password, shows what was typed, and bounds attempts", async () => {
    await page.getByRole("button", { name: /^Account of/ }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await heading("Sign in to Millrace").waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    const password = page.getByLabel("Password", { exact: true });
    await until(() => password.evaluate((input) => input === document.activeElement));
    await page.keyboard.type("wrong horse");
    await page.keyboard.press("Enter");
    await page.getByText("That is not right").waitFor();
    await button("Show: Password").click();
    assert.equal(await password.getAttribute("type"), "text");
    await until(async () => {
      await password.fill("wrong again");
      await password.press("Enter");
      return page.getByText("Too many attempts have failed").isVisible();
    });
    assert.equal(await page.getByRole("button", { name: /^Try again in/ }).isDisabled(), true);
    const stray = browser.troubles(page).filter((text) => !/Failed to load resource/.test(text));
    assert.deepEqual(stray, []);
  });
});
