import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, describe, test } from "node:test";

import type { Page } from "playwright-core";
import { ExtraProcess } from "../harness/extra-process.ts";
import { OauthServer } from "../harness/oauth-server.ts";
import { house } from "../harness/shared-house.ts";
import { until } from "../harness/until.ts";
import { loaded, seriousFindings } from "../harness/web-browser.ts";
import { browser, useWebHouse } from "../harness/web-house.ts";

const HOSTILE = `<img src=x onerror="document.title='broken'">`;
const PAGES = [
  ...["/environment", "/data-stores", "/data-stores/customers", "/files", "/accounts", "/accounts/apps", "/runners"],
  ...["/settings", "/settings/users", "/settings/api-keys", "/settings/project", "/settings/house"],
];

describe("what steps use, and the settings, in the web app", () => {
  let page: Page;

  useWebHouse();
  before(async () => {
    page = await browser.signedIn(house, "/environment");
  });

  const button = (name: string | RegExp) => page.getByRole("button", { name, exact: typeof name === "string" });
  const heading = (name: string) => page.getByRole("heading", { name, level: 1, exact: true });
  const menu = async (of: string, item: string): Promise<void> => {
    await button(`Actions for ${of}`).click();
    await page.getByRole("menuitem", { name: item }).click();
  };
  /** A field of the dialog in front. */
  const field = (label: string) => page.getByRole("dialog").getByLabel(label, { exact: true });

  /** Opens a part of the app as people do: by the navigation. */
  async function visit(place: string): Promise<void> {
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: place }).click();
    await heading(place).waitFor();
  }

  async function api<T>(path: string): Promise<T> {
    return (await (await house.ask(path)).json()) as T;
  }

  test("adds a variable with the keyboard alone, and never sends a secret back", async () => {
    await page.getByText("No variables yet").waitFor();
    await page.getByText("npx millrace env set API_TOKEN < token.txt").waitFor();
    for (const key of ["Tab", "Enter", "Tab", "Tab", "Enter"]) await page.keyboard.press(key);
    await page.getByRole("dialog", { name: "Add variable" }).waitFor();
    await page.keyboard.type("1TOKEN");
    await page.getByText("no digit first").waitFor();
    assert.equal(await button("Save").isDisabled(), true);
    for (let letter = 0; letter < 6; letter += 1) await page.keyboard.press("Backspace");
    await page.keyboard.type("TOKEN");
    await page.keyboard.press("Tab");
    await page.keyboard.type("swordfish-1");
    for (const key of ["Tab", "Tab", "Tab", "Enter"]) await page.keyboard.press(key);
    await page.getByRole("cell", { name: "TOKEN", exact: true }).waitFor();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    // The focus goes back to where it was before the dialog.
    await until(() => page.evaluate(() => document.activeElement?.textContent === "Add variable"));
    assert.ok(!(await page.content()).includes("swordfish-1"));
    assert.ok(!JSON.stringify(await api("variables")).includes("swordfish-1"));
    const { variables } = await api<{ variables: { name: string; secret: boolean }[] }>("variables");
    assert.deepEqual(
      variables.map(({ name, secret }) => [name, secret]),
      [["variables/TOKEN", true]],
    );
  });

  test("takes a whole .env, and shows values as text", async () => {
    await button("Paste .env").click();
    await field("Text of the file").fill(`# of the shop\nexport GREETING='${HOSTILE}'\nTOKEN=other\n2=x\n`);
    await page.getByText("line 4: A name is letters").waitFor();
    assert.equal(await button("Save 2 variables").isDisabled(), true, "nothing is left out without a word");
    await field("Text of the file").fill(`GREETING='${HOSTILE}'\nREGION=eu-west\n`);
    await page.getByRole("switch", { name: "Secret, all of them" }).click();
    await button("Save 2 variables").click();
    await page.getByText(HOSTILE).waitFor();
    await menu("REGION", "Delete");
    await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
    await page.getByRole("cell", { name: "REGION", exact: true }).waitFor({ state: "detached" });
  });

  test("keeps records: made, searched, changed by two people, ended, brought in and taken out", async () => {
    await visit("Data stores");
    await button("New data store").click();
    await field("Name").fill("customers");
    await field("Key of the first record").fill(HOSTILE);
    await field("Value").fill("{");
    await page.getByText("Not JSON").waitFor();
    await field("Value").fill(JSON.stringify({ html: HOSTILE, id: 1 }).replace("1}", "9007199254740993}"));
    await button("Make it").click();
    await heading("customers").waitFor();
    await until(async () => (await page.title()) === "customers · Millrace");
    await button(HOSTILE).click();
    await field("Value").waitFor();
    const typed = await field("Value").inputValue();
    assert.match(typed, /9007199254740993/, "numbers are not passed through JavaScript");
    await setRecord("customers", HOSTILE, "2");
    await field("Value").fill("3");
    await field("Ends").selectOption("In a day");
    await button("Save").click();
    await page.getByText("Somebody else has written this record meanwhile").waitFor();
    assert.equal(await recordOf("customers", HOSTILE), "2", "nothing is lost without a word");
    await button("Save mine all the same").click();
    await page.getByRole("cell", { name: /^in (23|24) hr|^tomorrow|in 1 day/ }).waitFor();
    assert.equal(await recordOf("customers", HOSTILE), "3");
  });

  test("scrolls through thousands of records, and finds those of a prefix", async () => {
    const lines = Array.from({ length: 4_000 }, (_, n) => JSON.stringify({ key: `user-${pad(n)}`, value: { n } }));
    await button("More of this data store").click();
    await page.getByRole("menuitem", { name: "Import" }).click();
    const file = { name: "records.jsonl", mimeType: "text/plain", buffer: Buffer.from(`${lines.join("\n")}\n`) };
    await field("File").setInputFiles(file);
    await button("Import").click();
    await page.getByText("4,000 records imported").waitFor();
    await page.getByText("4,001 records ·").waitFor();
    await button("user-00003").waitFor();
    const scroller = page.locator(".virtual-scroller");
    await until(async () => {
      await scroller.evaluate((element) => element.scrollTo(0, element.scrollHeight));
      return page.getByText("4,001 in all").isVisible();
    });
    await button("user-03999").waitFor();
    assert.ok((await page.locator(".virtual-row").count()) < 120, "only rows that can be seen are drawn");
    await page.getByLabel("Keys that start with…").fill("user-0012");
    await page.getByText("10 in all").waitFor();
    assert.match(page.url(), /prefix=user-0012/);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      (async () => {
        await button("More of this data store").click();
        await page.getByRole("menuitem", { name: "Export what is found" }).click();
      })(),
    ]);
    const text = await readFile(await download.path(), "utf8");
    assert.equal(text.trim().split("\n").length, 10);
    assert.deepEqual(JSON.parse(text.split("\n")[0]!), { key: "user-00120", value: { n: 120 } });
    await button("user-00120").click();
    await button("Delete the record").click();
    await button("Really delete it").click();
    await page.getByText("9 in all").waitFor();
  });

  test("takes files, shows them as text or picture, gives them back", async () => {
    await visit("Files");
    await page.getByText("No files yet").waitFor();
    const name = `${HOSTILE.replaceAll("/", "")}.html`;
    const picture = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>document.title="broken"</script></svg>`;
    await page.getByLabel("Files to upload").setInputFiles([
      { name, mimeType: "text/html", buffer: Buffer.from(`<script>document.title = "broken"</script>`) },
      { name: "mark.svg", mimeType: "image/svg+xml", buffer: Buffer.from(picture) },
    ]);
    await page.getByRole("table", { name: "Files" }).getByRole("button", { name: "mark.svg", exact: true }).click();
    const shown = page.getByRole("img", { name: "What is in mark.svg" });
    await until(() => shown.evaluate((image: HTMLImageElement) => image.naturalWidth === 9));
    await button("Close").click();
    await page.getByRole("table", { name: "Files" }).getByRole("button", { name, exact: true }).click();
    await page.getByLabel("Content of the file").getByText("<script>").waitFor();
    const [download] = await Promise.all([page.waitForEvent("download"), button("Download").click()]);
    assert.equal(await readFile(await download.path(), "utf8"), `<script>document.title = "broken"</script>`);
    await button("Close").click();
    await menu("mark.svg", "Delete");
    await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("mark.svg is deleted").waitFor();
  });

  test("connects an account with keys, and one by OAuth in a window of its own", async () => {
    await using provider = await OauthServer.start(`${house.url}/oauth/callback`);
    await visit("Accounts");
    await page.getByRole("link", { name: "Apps", exact: true }).click();
    await button("Define an app").click();
    await field("Definition").fill(JSON.stringify({ ...provider.app("own"), title: HOSTILE }));
    await button("Save").click();
    await button(`Set it: the client of ${HOSTILE}`).click();
    await field("Client id").fill(provider.client.id);
    await page
      .getByRole("dialog")
      .getByLabel(/^Client secret/)
      .fill(provider.client.secret);
    await button("Save").click();
    await page.getByText(`${HOSTILE} has a client`).waitFor();
    await page.getByRole("link", { name: "Accounts", exact: true }).last().click();
    await button("Connect account").first().click();
    await page.getByRole("dialog").getByRole("button", { name: HOSTILE }).click();
    await field("Name").fill("team");
    const [popup] = await Promise.all([page.waitForEvent("popup"), button(`Go on to ${HOSTILE}`).click()]);
    await popup.getByRole("button", { name: /^Go on to/ }).click();
    await popup.locator("input[name=login]").fill("ada");
    await popup.locator("input[name=password]").fill("anything");
    await popup.locator("button[type=submit]").click();
    await popup.getByRole("button", { name: "Continue" }).click();
    await popup.getByText("You can close this page").waitFor();
    await page.getByText("team is connected.").waitFor();
    assert.equal(await popup.evaluate(() => globalThis.opener), null);
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
    await button("Test team").click();
    await page.getByText(/^team works/).waitFor();
    await menu("team", "Where it is used");
    await page.getByText("No workflow uses it.").waitFor();
    await button("Close").click();
  });

  test("shows runners with their slots, asks before one drains, and drains it to its end", async () => {
    await using spare = await ExtraProcess.start(house, "runner", "spare");
    await visit("Runners");
    const row = page.getByRole("row").filter({ hasText: "spare" });
    await row.getByText("Ready").waitFor();
    const question = page.getByRole("alertdialog", { name: "Drain spare?" });
    await button("Drain spare").click();
    await question.getByRole("button", { name: "Keep it" }).click();
    await question.waitFor({ state: "detached" });
    assert.equal(await button("Drain spare").isEnabled(), true);
    await button("Drain spare").click();
    await question.getByRole("button", { name: "Drain" }).click();
    await page.getByText("spare takes no further runs").waitFor();
    assert.equal(await spare.ended(), 0);
    await row.waitFor({ state: "detached" });
    await page.getByRole("cell", { name: "Ready" }).waitFor();
  });

  test("makes a key that is shown once, a user, and keeps history for as long as was said", async () => {
    await visit("Settings");
    await page.getByRole("link", { name: "API keys" }).click();
    await button("Make a key").click();
    await field("What it is for").fill(HOSTILE);
    await button("Make it").click();
    const key = await page.getByTestId("api-key").textContent();
    const answer = await fetch(`${house.url}/api/v1/caller`, { headers: { authorization: `Bearer ${key}` } });
    assert.equal(answer.status, 200);
    await button("I have it").click();
    await page.getByTestId("api-key").waitFor({ state: "detached" });
    assert.ok(!(await page.content()).includes(key!));
    await button(`Revoke ${HOSTILE}`).click();
    await page.getByRole("alertdialog").getByRole("button", { name: "Revoke" }).click();
    await page.getByText(`“${HOSTILE}” is revoked`).waitFor();
    await page.getByRole("link", { name: "Users" }).click();
    await button("Add user").click();
    await field("Name").fill("Ada");
    await page.getByText("Only lower-case letters").waitFor();
    await field("Name").fill("ada");
    await field("Password").fill("correct horse battery");
    await button("Add").click();
    await page.getByRole("cell", { name: "ada", exact: true }).waitFor();
    await page.getByRole("link", { name: "Project" }).click();
    await page.getByLabel("Days", { exact: true }).fill("7");
    await page.getByRole("region", { name: "History of runs" }).getByRole("button", { name: "Save" }).click();
    await button("Keep less").click();
    await page.getByText("7 days hold now").waitFor();
    assert.equal((await api<{ days: number }>("project/retention")).days, 7);
  });

  test("every page is clean for axe in both themes, at two widths, and nothing has run as script", async () => {
    const looks = [
      { width: 1366, height: 768, theme: "light" },
      { width: 1024, height: 768, theme: "dark" },
    ] as const;
    for (const { theme, ...size } of looks) {
      await page.setViewportSize(size);
      await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
      for (const path of PAGES) {
        await page.goto(new URL(path, house.url).href);
        await page.locator("main h1").waitFor();
        await loaded(page);
        assert.deepEqual(await seriousFindings(page), [], `${path} in ${theme}`);
        assert.equal(await overflow(page), 0, `${path} is wider than a window of ${size.width}`);
        assert.doesNotMatch(await page.title(), /broken/);
      }
    }
    assert.deepEqual(browser.troubles(page), []);
  });
});

/** By how many pixels what the page shows is wider than its window. */
function overflow(page: Page): Promise<number> {
  return page.locator("main").evaluate((main) => Math.max(0, main.scrollWidth - main.clientWidth));
}

function pad(n: number): string {
  return String(n).padStart(5, "0");
}

async function setRecord(store: string, key: string, valueJson: string): Promise<void> {
  const body = JSON.stringify({ records: [{ key, valueJson }] });
  const response = await house.ask(`dataStores/${store}/records:set`, { method: "POST", body });
  assert.equal(response.status, 200);
}

async function recordOf(store: string, key: string): Promise<string> {
  const query = new URLSearchParams({ key }).toString();
  const response = await house.ask(`dataStores/${store}/records:read?${query}`);
  return ((await response.json()) as { valueJson: string }).valueJson;
}
