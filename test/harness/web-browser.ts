import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import axe from "axe-core";
import { chromium, type Browser, type BrowserContext, type Page, type Request } from "playwright-core";
import { toolsFolder } from "@millrace/provision";

import type { TestHouse } from "./test-house.ts";
import { until } from "./until.ts";

const LAUNCH_MS = 30_000;
const ACTION_MS = 20_000;

/** What pages have asked for. */
interface Asked {
  /** Not answered yet, for the first time; what is answered by a stream of events is. */
  readonly underWay: Set<Request>;
  /** Answered since the page was opened: what asks for it again looks for news. */
  readonly answered: Set<string>;
}

const asked = new WeakMap<Page, Asked>();

/** How a page is looked at. */
export interface Look {
  readonly width?: number;
  readonly height?: number;
  readonly theme?: "light" | "dark";
}

/** A real Chromium, for tests of the web app. */
export class WebBrowser implements AsyncDisposable {
  readonly browser: Browser;
  readonly #contexts = new Map<Page, BrowserContext>();
  readonly #troubles = new Map<Page, string[]>();

  private constructor(browser: Browser) {
    this.browser = browser;
  }

  /** Starts the browser that set-up has found. */
  static async start(): Promise<WebBrowser> {
    const tools = JSON.parse(await readFile(join(toolsFolder, "tools.json"), "utf8")) as { chromium?: string };
    const executablePath = tools.chromium ?? "/usr/bin/chromium";
    // Root has no user namespaces to put the renderer into; the pages are our own.
    const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    return new WebBrowser(await chromium.launch({ executablePath, args, timeout: LAUNCH_MS }));
  }

  /** A page in a profile of its own, not signed in. */
  async open(url: string, look: Look = {}): Promise<Page> {
    const context = await this.browser.newContext({
      viewport: { width: look.width ?? 1366, height: look.height ?? 768 },
      colorScheme: look.theme ?? "light",
      reducedMotion: "reduce",
    });
    const page = await context.newPage();
    page.setDefaultTimeout(ACTION_MS);
    const troubles: string[] = [];
    page.on("pageerror", (error) => troubles.push(String(error)));
    page.on("console", (message) => {
      // A network that somebody sets up or takes down beside, as tests of faults do, is the machine's; the page asks again.
      const isOfMachine = message.text().includes("net::ERR_NETWORK_CHANGED");
      if (message.type() === "error" && !isOfMachine) troubles.push(message.text());
    });
    watchRequests(page);
    this.#contexts.set(page, context);
    this.#troubles.set(page, troubles);
    await page.goto(url);
    return page;
  }

  /** A page of a house whose administrator is signed in. */
  async signedIn(house: Pick<TestHouse, "url" | "data">, path = "/", look: Look = {}): Promise<Page> {
    const page = await this.open(new URL("/api/v1/openapi.json", house.url).href, look);
    const password = (await readFile(join(house.data, "admin-password"), "utf8")).trim();
    const status = await page.evaluate(async (given) => {
      const response = await fetch("/api/v1/sessions:signIn", {
        method: "POST",
        headers: { "content-type": "application/json", "x-millrace-csrf": "1" },
        body: JSON.stringify({ user: "admin", password: given }),
      });
      return response.status;
    }, password);
    assert.equal(status, 200, "the administrator is signed in");
    this.#troubles.get(page)?.splice(0);
    await page.goto(new URL(path, house.url).href);
    return page;
  }

  /** What the page's console says is wrong, so far; a strict policy that was broken is among it. */
  troubles(page: Page): readonly string[] {
    return this.#troubles.get(page) ?? [];
  }

  /** Ends a page and forgets its profile. */
  async close(page: Page): Promise<void> {
    await this.#contexts.get(page)?.close();
    this.#contexts.delete(page);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close();
  }
}

function watchRequests(page: Page): void {
  const [underWay, answered] = [new Set<Request>(), new Set<string>()];
  asked.set(page, { underWay, answered });
  const keyOf = (request: Request): string => `${request.method()} ${request.url()}`;
  const settle = (request: Request): void => {
    underWay.delete(request);
    answered.add(keyOf(request));
  };
  page.on("framenavigated", (frame) => {
    // Nobody waits for what a page before asked for.
    if (frame !== page.mainFrame()) return;
    underWay.clear();
    answered.clear();
  });
  page.on("request", (request) => void (!answered.has(keyOf(request)) && underWay.add(request)));
  page.on("requestfinished", settle);
  page.on("requestfailed", settle);
  page.on("response", (response) => {
    if (response.headers()["content-type"]?.startsWith("text/event-stream") === true) settle(response.request());
  });
}

/**
 * Waits until a page has all that it asked for, and has drawn it: nothing stands in for what is still on its way, nothing is
 * asked for the first time, and both are still so two frames later.
 */
export async function loaded(page: Page): Promise<void> {
  const underWay = (): readonly Request[] => [...(asked.get(page)?.underWay ?? [])];
  const isQuiet = async (): Promise<boolean> => {
    if (underWay().length > 0) return false;
    return page.evaluate(() => document.readyState === "complete" && document.querySelector(".skeleton") === null);
  };
  const isLoaded = async (): Promise<boolean> =>
    (await isQuiet()) && (await page.evaluate(twoFrames)) && (await isQuiet());
  await until(isLoaded, ACTION_MS).catch((error: unknown) => {
    const waited = underWay().map((request) => request.url());
    assert.fail(`${String(error)}\n${page.url()} waits for ${waited.join(", ")}`);
  });
}

/** True when the page has drawn twice. */
function twoFrames(): Promise<true> {
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))));
}

/** A finding of axe on the page as it is now. */
export interface AxeFinding {
  readonly rule: string;
  readonly impact: string;
  readonly help: string;
  readonly where: readonly string[];
}

/** What stands in the way of people with a keyboard, a screen reader or weak eyes: serious and critical findings only. */
export async function seriousFindings(page: Page): Promise<AxeFinding[]> {
  // Evaluated by the debugger, so the page's own policy stays as strict as it is.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run({ resultTypes: ["violations"] }),
  );
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, impact, help, nodes }) => ({
      ...{ rule: id, impact: impact ?? "", help },
      where: nodes.map(({ target, failureSummary }) => `${target.join(" ")}: ${failureSummary ?? ""}`),
    }));
}
