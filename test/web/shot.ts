/** Pictures of every page of a house that `showcase.ts` has filled, for people to look at, with what axe, the console and the layout say of each. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import type { Page } from "playwright-core";
import { parseOptions } from "../harness/parse-options.ts";
import { loaded, seriousFindings, WebBrowser } from "../harness/web-browser.ts";
import { allLooks, readShowIds, type LookedAt } from "./looks.ts";

const values = parseOptions("node test/web/shot.ts", "Takes pictures of the web app of a running house.", {
  url: { type: "string", value: "URL", default: "http://127.0.0.1:7420", about: "address of the house" },
  data: { type: "string", value: "FOLDER", default: ".millrace", about: "its data folder, for the password" },
  only: { type: "string", value: "NAMES", about: "pages of looks.ts, with commas between them; all of them" },
  widths: { type: "string", value: "NUMBERS", default: "1366,1920", about: "in pixels" },
  themes: { type: "string", value: "NAMES", default: "light,dark", about: "light, dark" },
  out: { type: "string", value: "FOLDER", default: "shots", about: "where the pictures go" },
});
const HEIGHTS: Readonly<Record<number, number>> = { 1366: 768, 1920: 1080 };
const house = { url: values.url, data: values.data };

await mkdir(values.out, { recursive: true });
await using browser = await WebBrowser.start();
for (const theme of values.themes.split(",") as ("light" | "dark")[]) {
  for (const width of values.widths.split(",").map(Number)) {
    const look = { width, height: HEIGHTS[width] ?? 768, theme };
    const stranger = await browser.open(values.url, look);
    const page = await browser.signedIn(house, "/", look);
    const only = values.only?.split(",");
    for (const looked of allLooks(await readShowIds(page))) {
      if (only !== undefined && !only.includes(looked.name)) continue;
      await shoot(looked.signedOut === true ? stranger : page, looked, `${looked.name}-${width}-${theme}.png`);
    }
    await browser.close(page);
    await browser.close(stranger);
  }
}

async function shoot(page: Page, { path, open, signedOut }: LookedAt, file: string): Promise<void> {
  const before = browser.troubles(page).length;
  await page.goto(new URL(path, values.url).href);
  if (signedOut !== true) await page.locator("main h1").first().waitFor();
  await loaded(page);
  if (open !== undefined) {
    await open(page);
    await page.getByRole("dialog").first().waitFor();
  }
  await loaded(page);
  await page.screenshot({ path: join(values.out, file) });
  console.log(file, ...browser.troubles(page).slice(signedOut === true ? Number.POSITIVE_INFINITY : before));
  for (const cut of await tooWide(page)) console.log(`  too wide: ${cut}`);
  for (const { rule, help, where } of await seriousFindings(page)) console.log(`  axe ${rule}: ${help}`, where);
}

/** What reaches over the edge of the window, or over the card that it is in. */
function tooWide(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found = [...document.querySelectorAll<HTMLElement>("body, main, .card, [role=dialog], .builder-columns > *")];
    return found
      .filter((each) => each.scrollWidth > each.clientWidth + 1)
      .map((each) => `${each.tagName} ${each.className} by ${each.scrollWidth - each.clientWidth} pixels`);
  });
}
