/** Fills a running house with what a small shop would have in it: for pictures, and to look around in. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { parseOptions } from "../harness/parse-options.ts";
import { fillShowcase } from "./fill-showcase.ts";

const values = parseOptions("node test/web/showcase.ts", "Fills a new, running house with content for pictures.", {
  url: { type: "string", value: "URL", default: "http://127.0.0.1:7420", about: "address of the house" },
  data: { type: "string", value: "FOLDER", default: ".millrace", about: "its data folder, for the API key" },
  orders: { type: "string", value: "NUMBER", default: "40", about: "how many orders come in" },
});
const apiKey = (await readFile(join(values.data, "api-key"), "utf8")).trim();
await fillShowcase(values.url, apiKey, Number(values.orders));
