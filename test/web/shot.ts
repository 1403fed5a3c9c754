/** Pictures of pages of a running house, for people to look at, with what axe and the console say of each. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseOptions } from "../harness/parse-options.ts";
import { seriousFindings, WebBrowser } from "../harness/web-browser.ts";

const values = parseOptions("node test/web/shot.ts", "Takes pictures of the web app of a running house.", {
  url: { type: "string", value: "URL", default: "http://127.0.0.1:7420", about: "address of the house" },
  data: { type: "string", value: "FOLDER", default: ".millrace", about: "its data folder, for the password" },
  paths: { type: "string", value: "PATHS", default: "/", about: "pages, with commas between them" },
  widths: { type: "string", value: "NUMBERS", default: "1366,1920", about: "in pixels" },
  themes: { type: "string", value: "NAMES", default: "light,dark", about: "light, dark" },
  out: { type: "string", value: "FOLDER", default: "shots", about: "where the pictures go" },
});

await mkdir(values.out, { recursive: true });
await using browser = await WebBrowser.start();
for (const path of values.paths.split(",")) {
  for (const theme of values.themes.split(",") as ("light" | "dark")[]) {
    for (const width of values.widths.split(",").map(Number)) {
      const page = await browser.signedIn({ url: values.url, data: values.data }, path, { width, theme });
      await page.waitForLoadState("networkidle", { timeout: 3_000 }).catch(() => undefined);
      const name = `${path.replaceAll(/[^a-z0-9]+/gi, "-").replaceAll(/^-|-$/g, "") || "home"}-${width}-${theme}.png`;
      await page.screenshot({ path: join(values.out, name) });
      console.log(join(values.out, name), ...browser.troubles(page));
      for (const { rule, help, where } of await seriousFindings(page)) console.log(`  axe ${rule}: ${help}`, where);
      await browser.close(page);
    }
  }
}
