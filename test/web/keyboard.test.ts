import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import type { Page } from "playwright-core";
import { house } from "../harness/shared-house.ts";
import { until } from "../harness/until.ts";
import { loaded } from "../harness/web-browser.ts";
import { browser, useWebHouse } from "../harness/web-house.ts";
import { fillShowcase } from "./fill-showcase.ts";
import { allLooks, readShowIds } from "./looks.ts";

/** More stops than any page has. */
const STOPS_MAX = 250;
/** A page that still grows after so many ways around it never comes to rest. */
const ROUNDS_MAX = 5;

describe("the web app by keyboard alone", () => {
  let page: Page;

  useWebHouse();
  before(async () => {
    await fillShowcase(house.url, house.apiKey, 4);
    page = await browser.signedIn(house, "/");
  });

  const go = async (path: string): Promise<void> => {
    await page.goto(new URL(path, house.url).href);
    await page.locator("main h1").first().waitFor();
    await loaded(page);
  };
  /** Tab, or out of the code editor as it says. */
  const next = async (): Promise<void> => {
    if (await page.evaluate("document.activeElement.matches('.cm-content')")) await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
  };
  /** What has the focus, by its name. */
  const focused = (): Promise<string> =>
    page.evaluate(() => {
      const { activeElement: at } = document;
      const name = at === null || at === document.body ? "" : (at.getAttribute("aria-label") ?? at.textContent);
      return name?.trim() ?? "";
    });
  /** Goes on by Tab until something of that name has the focus. */
  const tabTo = async (name: string | RegExp): Promise<void> => {
    for (let stop = 0; stop < STOPS_MAX; stop += 1) {
      await next();
      const found = await focused();
      if (typeof name === "string" ? found === name : name.test(found)) return;
    }
    assert.fail(`Tab never comes to ${String(name)}`);
  };
  /** Goes around by Tab; once more from the start when the page grew meanwhile, such as by an editor that came late. */
  const tabAround = async (hasEditor: boolean): Promise<FocusRound> => {
    let round: FocusRound = { missed: ["not begun"], faint: [], isOver: false, hasGrown: true };
    for (let rounds = 0; rounds < ROUNDS_MAX && round.hasGrown; rounds += 1) {
      await page.evaluate(watchFocus);
      round = { ...round, isOver: false };
      for (let stop = 0; stop < STOPS_MAX && !round.isOver; stop += 5) {
        for (let each = 0; each < 5; each += 1) await (hasEditor ? next() : page.keyboard.press("Tab"));
        round = await page.evaluate(readFocus);
      }
    }
    return round;
  };
  const isInDialog = () => page.evaluate<boolean>("document.activeElement.closest('[role=dialog]') !== null");

  test("Tab reaches all there is on each page, shows where it is, and is caught nowhere", async () => {
    const looks = allLooks(await readShowIds(page));
    const pages = looks.filter(({ open, signedOut, again }) => open === undefined && !signedOut && !again);
    for (const { name, path } of pages) {
      await go(path);
      const hasEditor = path.includes("/build");
      if (hasEditor) await page.locator(".cm-content").first().waitFor();
      const round = await tabAround(hasEditor);
      assert.ok(round.isOver, `Tab leads around ${name}`);
      assert.deepEqual(round.missed, [], `Tab reaches everything on ${name}`);
      assert.deepEqual(round.faint, [], `the focus is seen on ${name}`);
      assert.deepEqual(browser.troubles(page), [], `the console on ${name}`);
    }
  });

  test("what opens takes the focus, keeps it, and gives it back", async () => {
    const openers = [
      ["/", "New workflow"],
      ["/environment", "Add variable"],
      ["/accounts", "Connect account"],
      ["/data-stores", "New data store"],
      ["/workflows/order-intake/build", "Add a step"],
      ["/workflows/order-intake/build", "Deploy"],
    ] as const;
    for (const [path, name] of openers) {
      await go(path);
      await tabTo(name);
      await page.keyboard.press("Enter");
      const dialog = page.getByRole("dialog");
      await dialog.waitFor();
      await until(isInDialog);
      for (let stop = 0; stop < 15; stop += 1) {
        assert.ok(await isInDialog(), `the focus stays in what ${name} opens`);
        await page.keyboard.press("Tab");
      }
      await page.keyboard.press("Escape");
      await dialog.waitFor({ state: "detached" });
      await until(async () => (await focused()) === name);
    }
    await go("/");
    await tabTo(/^Actions for order-intake$|^More/);
    await page.keyboard.press("Enter");
    await page.getByRole("menu").waitFor();
    await page.keyboard.press("ArrowDown");
    await until(() => page.evaluate<boolean>("document.activeElement.getAttribute('role') === 'menuitem'"));
    await page.keyboard.press("Escape");
    await page.getByRole("menu").waitFor({ state: "detached" });
    await until(() => page.evaluate<boolean>("document.activeElement.tagName === 'BUTTON'"));
  });

  test("rows of lists are opened", async () => {
    await go("/");
    await tabTo(/^order-intake/);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/workflows/**");
    await go("/runs");
    await page.getByRole("row").nth(2).waitFor();
    await tabTo("Runs");
    for (const key of ["j", "j", "Enter"]) await page.keyboard.press(key);
    await page.waitForURL(/\/runs\/[0-9a-f-]{36}$/);
    await go("/data-stores/customers");
    await tabTo("customer:0002");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "customer:0002" }).waitFor();
  });

  test("a workflow is made, tested and deployed", async () => {
    await go("/");
    await tabTo("New workflow");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "New workflow" }).waitFor();
    await page.keyboard.type("by keys");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "by keys", level: 1 }).waitFor();
    await tabTo("Add a step");
    await page.keyboard.press("Enter");
    await tabTo("Add code");
    await page.keyboard.press("Enter");
    await page.getByRole("textbox", { name: /^Python code of/ }).waitFor();
    await tabTo(/^Python code of/);
    const hint = await page.evaluate("getComputedStyle(document.querySelector('.code-editor'), '::after').content");
    assert.equal(hint, '"Esc, then Tab leaves the editor"');
    for (const key of ["ControlOrMeta+a", "Delete"]) await page.keyboard.press(key);
    await page.keyboard.type('def handler(pd):\nprint("by keys alone")');
    await page.keyboard.press("ControlOrMeta+Enter");
    await page.locator(".log-lines").getByText("by keys alone").waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate("document.activeElement.closest('.cm-editor')"), null, "Escape and Tab lead out");
    await page.keyboard.press("ControlOrMeta+d");
    await page.getByRole("button", { name: "Deploy now" }).waitFor();
    await tabTo("Deploy now");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Version 1 is live" }).waitFor();
    assert.deepEqual(browser.troubles(page), []);
  });
});

interface FocusWatch {
  readonly seen: Set<Element>;
  readonly faint: Set<string>;
  /** What there was when the watch began. */
  readonly known: Set<Element>;
  isOver: boolean;
}

/** What one way around a page by Tab showed. */
interface FocusRound {
  /** Controls that never had the focus, as HTML. */
  readonly missed: string[];
  /** Controls whose focus cannot be seen, as HTML. */
  readonly faint: string[];
  /** The first control had the focus again. */
  readonly isOver: boolean;
  /** Something that was missed came after the start. */
  readonly hasGrown: boolean;
}

/** Notes in the page what gets the focus, and whether that can be seen. */
function watchFocus(): void {
  const known = new Set(document.querySelectorAll("*"));
  const watch: FocusWatch = { seen: new Set(), faint: new Set(), known, isOver: false };
  Object.assign(globalThis, { watch });
  (document.activeElement as HTMLElement).blur();
  addEventListener("focusin", ({ target }) => {
    const element = target as Element;
    // What hands the focus on at once, as a row of tabs does to the chosen one, never has it.
    if (document.activeElement !== element) {
      watch.seen.add(element);
      return;
    }
    if (watch.seen.has(element)) {
      if (element === [...watch.seen][0]) watch.isOver = true;
      return;
    }
    watch.seen.add(element);
    const around = [element, element.parentElement, element.parentElement?.parentElement].filter(
      (each) => each != null,
    );
    const isSeen = around.some((each) => {
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(each);
      return (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow.includes("inset");
    });
    if (!isSeen) watch.faint.add(element.outerHTML.slice(0, 160));
  });
}

/** What of the page's controls had no focus so far, and whose focus cannot be seen. */
function readFocus(): FocusRound {
  const { seen, faint, known, isOver } = (globalThis as unknown as { watch: FocusWatch }).watch;
  const all = [
    ...document.querySelectorAll<HTMLElement>("a[href], button, input, select, textarea, [tabindex], .cm-content"),
  ];
  const missed = all.filter((each) => {
    const isOff =
      each.tabIndex < 0 || (each as HTMLButtonElement).disabled || !each.checkVisibility({ checkVisibilityCSS: true });
    const isOther = each instanceof HTMLInputElement && each.type === "radio" && !each.checked;
    return !isOff && !isOther && !seen.has(each);
  });
  return {
    missed: missed.map((each) => each.outerHTML.slice(0, 160)),
    faint: [...faint],
    isOver,
    hasGrown: missed.some((each) => !known.has(each)),
  };
}
