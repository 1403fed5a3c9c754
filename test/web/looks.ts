import type { Page } from "playwright-core";

/** What pages of a filled house are named after. */
export interface ShowIds {
  readonly failed: string;
  readonly good: string;
  readonly paused: string;
  /** The last step of the draft, tested. */
  readonly step: string;
}

/** A page of the web app, or what opens on it, as people look at it. */
export interface LookedAt {
  readonly name: string;
  readonly path: string;
  /** What is opened on it. */
  readonly open?: (page: Page) => Promise<unknown>;
  /** Another state of a page that the list has already. */
  readonly again?: boolean;
  /** Without a session. */
  readonly signedOut?: boolean;
}

const press = (name: string | RegExp) => (page: Page) => page.getByRole("button", { name }).first().click();

/** Every page of the web app with the content of `showcase.ts`; the one list of them. */
export function allLooks({ failed, good, paused, step }: ShowIds): readonly LookedAt[] {
  return [
    { name: "sign-in", path: "/", signedOut: true },
    { name: "workflows", path: "/" },
    { name: "new-workflow", path: "/", open: press("New workflow") },
    { name: "palette", path: "/", open: (page) => page.keyboard.press("ControlOrMeta+k") },
    { name: "shortcuts", path: "/", open: (page) => page.keyboard.press("?") },
    { name: "workflow", path: "/workflows/order-intake" },
    { name: "workflow-empty", path: "/workflows/price-alerts", again: true },
    { name: "versions", path: "/workflows/order-intake/versions" },
    { name: "builder", path: `/workflows/order-intake/build?at=${step}` },
    { name: "builder-trigger", path: "/workflows/order-intake/build?at=trigger" },
    { name: "builder-add", path: "/workflows/price-alerts/build", open: press("Add a step") },
    { name: "deploy", path: "/workflows/order-intake/build", open: press(/^Deploy/) },
    { name: "runs", path: "/runs" },
    { name: "runs-none", path: "/runs?workflow=price-alerts", again: true },
    { name: "run-failed", path: `/runs/${failed}` },
    { name: "run", path: `/runs/${good}`, again: true },
    { name: "run-paused", path: `/runs/${paused}`, again: true },
    { name: "replay", path: `/runs/${failed}`, open: press("Replay") },
    { name: "compare", path: `/runs/compare?a=${good}&b=${failed}` },
    { name: "compare-begin", path: `/runs/compare?a=${good}`, again: true },
    { name: "dead-letters", path: "/dead-letters" },
    { name: "dashboard", path: "/dashboard" },
    { name: "data-stores", path: "/data-stores" },
    { name: "data-store", path: "/data-stores/customers" },
    { name: "record", path: "/data-stores/customers", open: press("customer:0001") },
    { name: "files", path: "/files" },
    { name: "folder", path: "/files?in=reports", again: true },
    { name: "environment", path: "/environment" },
    { name: "variable", path: "/environment", open: press("Add variable") },
    { name: "accounts", path: "/accounts" },
    { name: "connect", path: "/accounts", open: press("Connect account") },
    { name: "apps", path: "/accounts/apps" },
    { name: "runners", path: "/runners" },
    { name: "settings", path: "/settings" },
    { name: "users", path: "/settings/users" },
    { name: "api-keys", path: "/settings/api-keys" },
    { name: "project", path: "/settings/project" },
    { name: "house", path: "/settings/house" },
    { name: "not-found", path: "/no-such-page" },
  ];
}

/** Asks a house, with the session of a page, for what its pages are named after. */
export function readShowIds(page: Page): Promise<ShowIds> {
  return page.evaluate(async () => {
    const read = async (path: string): Promise<{ runs?: Record<string, string>[]; steps?: { name: string }[] }> =>
      (await fetch(`/api/v1/${path}`)).json();
    const run = async (workflow: string, state: string): Promise<string> => {
      const { runs = [] } = await read(`workflows/${workflow}/runs?pageSize=200`);
      return runs.find((each) => each["state"] === `RUN_STATE_${state}`)?.["id"] ?? "";
    };
    const { steps = [] } = await read("workflows/order-intake/draft");
    return {
      failed: await run("order-intake", "FAILED"),
      good: await run("order-intake", "SUCCEEDED"),
      paused: await run("refund-approval", "SUSPENDED"),
      step: steps.at(-2)?.name.split("/").at(-1) ?? "",
    };
  });
}
