import assert from "node:assert/strict";

import { until } from "../harness/until.ts";
import { APP, CUSTOMERS, FILES, VARIABLES, WORKFLOWS } from "./showcase-content.ts";

/** Calls the API of a house; a refusal is an error. */
type Api = <T = unknown>(method: string, path: string, body?: unknown, type?: string) => Promise<T>;

/** Fills a new house with what a small shop would have in it; so many orders come in. */
export async function fillShowcase(url: string, apiKey: string, orders: number): Promise<void> {
  const api = apiOf(url, apiKey);
  await resources(api);
  for (const workflow of WORKFLOWS) await deploy(api, workflow);
  await api("POST", "workflows", { displayName: "price-alerts" });
  await runs(api, orders);
  await api("POST", "workflows/newsletter-signup:disable", {});
  await draft(api);
}

function apiOf(url: string, apiKey: string): Api {
  return async <T>(method: string, path: string, body?: unknown, type = "application/json") => {
    const response = await fetch(new URL(`/api/v1/${path}`, url), {
      method,
      headers: { authorization: `Bearer ${apiKey}`, "content-type": type },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return (response.headers.get("content-type")?.includes("json") === true ? JSON.parse(text) : text) as T;
  };
}

async function resources(api: Api): Promise<void> {
  for (const [name, variable] of Object.entries(VARIABLES)) await api("PUT", `variables/${name}`, variable);
  for (const [path, { type, content }] of Object.entries(FILES)) {
    await api("PUT", `files/${encodeURIComponent(path)}`, content, type);
  }
  const records = CUSTOMERS.map(({ id, ...rest }) => ({ key: `customer:${id}`, valueJson: JSON.stringify(rest) }));
  await api("POST", "dataStores/customers/records:set", { records });
  await api("POST", "apps", { definitionJson: JSON.stringify(APP) });
  const fields = [{ name: "token", value: "not-a-real-token" }];
  await api("POST", "accounts", { name: "accounts/warehouse-main", app: `apps/${APP.name}`, fields });
  const openai = [{ name: "api_key", value: "not-a-real-key" }];
  await api("POST", "accounts", { name: "accounts/texts", app: "apps/openai", fields: openai });
  await api("POST", "users", { name: "users/grace", password: "correct horse battery", administrator: true });
  await api("POST", "users", { name: "users/linus", password: "correct horse battery", administrator: false });
  for (const displayName of ["Deploys from CI", "Grafana"]) await api("POST", "apiKeys", { displayName });
}

/** Deploys a workflow once for each version of its steps. */
async function deploy(api: Api, { name, settings, versions }: (typeof WORKFLOWS)[number]): Promise<void> {
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

async function runs(api: Api, rounds: number): Promise<void> {
  const start = (workflow: string, event: unknown, waitTimeout = "20s"): Promise<{ id: string }> =>
    api("POST", `workflows/${workflow}/runs`, { eventJson: JSON.stringify(event), waitTimeout });
  for (let round = 0; round < rounds; round += 1) {
    await start("order-intake", order(round));
    if (round % 4 === 0) await start("stock-sync", { body: { since: "2026-11-22T06:00:00Z" } });
    if (round % 5 === 0) await start("newsletter-signup", { body: { email: `reader${round}@example.com` } });
    if (round % 10 === 0) await start("nightly-report", {});
  }
  const refunds = [
    { order: 10_412, amount: "48.00" },
    { order: 10_431, amount: "310.00" },
  ];
  // They wait for a person: only their pause is waited for.
  for (const body of refunds) {
    const { id } = await start("refund-approval", { body }, "0s");
    const name = `workflows/refund-approval/runs/${id}`;
    await until(async () => (await api<{ state: string }>("GET", name)).state === "RUN_STATE_SUSPENDED");
  }
}

/** A draft that differs from what is live, with all its steps tested. */
async function draft(api: Api): Promise<void> {
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
  await api("POST", `${path}:test`, { eventJson: JSON.stringify(order(5)) });
}
