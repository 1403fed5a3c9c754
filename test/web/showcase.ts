/** Fills a running house with what a small shop would have in it: for pictures, and to look around in. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { parseOptions } from "../harness/parse-options.ts";
import { APP, CUSTOMERS, FILES, VARIABLES, WORKFLOWS } from "./showcase-content.ts";

const values = parseOptions("node test/web/showcase.ts", "Fills a running house with content for pictures.", {
  url: { type: "string", value: "URL", default: "http://127.0.0.1:7420", about: "address of the house" },
  data: { type: "string", value: "FOLDER", default: ".millrace", about: "its data folder, for the API key" },
  rounds: { type: "string", value: "NUMBER", default: "40", about: "how many orders come in" },
});
const key = (await readFile(join(values.data, "api-key"), "utf8")).trim();

/** Calls the API of the house; a refusal ends the program with what the house says. */
async function api<T = unknown>(method: string, path: string, body?: unknown, type = "application/json"): Promise<T> {
  const response = await fetch(new URL(`/api/v1/${path}`, values.url), {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": type },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) {
    process.stderr.write(`${method} ${path}: ${response.status} ${text}\n`);
    process.exit(1);
  }
  return JSON.parse(text === "" ? "{}" : text) as T;
}

async function resources(): Promise<void> {
  for (const [name, variable] of Object.entries(VARIABLES)) await api("PUT", `variables/${name}`, variable);
  for (const [path, { type, content }] of Object.entries(FILES)) {
    await api("PUT", `files/${encodeURIComponent(path)}`, content, type);
  }
  const records = CUSTOMERS.map(({ id, ...rest }) => ({ key: `customer:${id}`, valueJson: JSON.stringify(rest) }));
  await api("POST", "dataStores/customers/records:set", { records });
  await api("POST", "apps", { definitionJson: JSON.stringify(APP) });
  const fields = [{ name: "token", value: "wh_live_51Hq9x" }];
  await api("POST", "accounts", { name: "accounts/warehouse-main", app: `apps/${APP.name}`, fields });
  const openai = [{ name: "api_key", value: "sk-proj-9fQ2" }];
  await api("POST", "accounts", { name: "accounts/texts", app: "apps/openai", fields: openai });
  await api("POST", "users", { name: "users/grace", password: "correct horse battery", administrator: true });
  await api("POST", "users", { name: "users/linus", password: "correct horse battery", administrator: false });
  for (const displayName of ["Deploys from CI", "Grafana"]) await api("POST", "apiKeys", { displayName });
}

/** Deploys a workflow once for each version of its steps. */
async function deploy({ name, settings, versions }: (typeof WORKFLOWS)[number]): Promise<void> {
  for (const steps of versions) {
    const files = steps.map((step, index) => ({ ...step, file: `step_${index + 1}.py` }));
    const definition = {
      ...{ name, trigger: { http: { respond: "immediate" } } },
      ...(settings !== undefined && { settings }),
      steps: files.map(({ name: step, file, inputs }) => ({ name: step, python: file, inputs })),
    };
    const sources = Object.fromEntries(files.map(({ file, code }) => [file, code]));
    await api("POST", "workflows:deploy", { definitionJson: JSON.stringify(definition), sources });
  }
}

/** An order as the shop's page would send it. */
function order(number: number): unknown {
  const customer = CUSTOMERS[number % CUSTOMERS.length];
  const items = [
    { sku: "TEA-GREEN", count: 1 + (number % 3), price: "12.50" },
    { sku: "POT-IRON", count: 1, price: "48.00" },
  ];
  const card = number % 7 === 3 ? "4000 0000 0000 0002" : "4242 4242 4242 4242";
  return { method: "POST", path: "/", body: { order: 10_400 + number, customer, items, card } };
}

async function runs(rounds: number): Promise<void> {
  const start = async (workflow: string, event: unknown, waitTimeout = "20s"): Promise<void> => {
    await api("POST", `workflows/${workflow}/runs`, { eventJson: JSON.stringify(event), waitTimeout });
  };
  for (let round = 0; round < rounds; round += 1) {
    await start("order-intake", order(round));
    if (round % 4 === 0) await start("stock-sync", { body: { since: "2026-11-22T06:00:00Z" } });
    if (round % 5 === 0) await start("newsletter-signup", { body: { email: `reader${round}@example.com` } });
    if (round % 10 === 0) await start("nightly-report", {});
  }
  await start("refund-approval", { body: { order: 10_412, amount: "48.00" } }, "2s");
  await start("refund-approval", { body: { order: 10_431, amount: "310.00" } }, "2s");
}

/** A draft that differs from what is live, with all its steps tested. */
async function draft(): Promise<void> {
  const path = "workflows/order-intake/draft";
  const { steps = [] } = await api<{ steps?: { name: string; code: string }[] }>("GET", path);
  const [first] = steps;
  if (first !== undefined) {
    const code = first.code.replace(
      "return order",
      "print(f\"order {order['number']} of {order['customer']}\")\n    return order",
    );
    const body = { step: { code }, updateMask: "code" };
    await api("PATCH", first.name, body);
  }
  const response = await fetch(new URL(`/api/v1/${path}:test`, values.url), {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ eventJson: JSON.stringify(order(5)) }),
  });
  await response.text();
}

await resources();
for (const workflow of WORKFLOWS) await deploy(workflow);
await api("POST", "workflows", { displayName: "price-alerts" });
await runs(Number(values.rounds));
await api("POST", "workflows/newsletter-signup:disable", {});
await draft();
