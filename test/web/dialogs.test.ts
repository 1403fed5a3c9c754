/** Dialogs that wait for what a person does at a provider, in another window. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import type { Page } from "playwright-core";
import { OauthServer } from "../harness/oauth-server.ts";
import { house } from "../harness/shared-house.ts";
import { browser, useWebHouse } from "../harness/web-house.ts";

describe("dialogs of the web app that wait for a provider", () => {
  useWebHouse();
  let page: Page;
  before(async () => {
    page = await browser.signedIn(house, "/accounts");
  });

  const button = (name: string) => page.getByRole("button", { name, exact: true });
  const dialog = () => page.getByRole("dialog");
  /** Presses a button that opens a window. */
  const popupBy = async (name: string): Promise<Page> => {
    const [popup] = await Promise.all([page.waitForEvent("popup"), button(name).click()]);
    return popup;
  };

  async function api(path: string, body: unknown): Promise<void> {
    const response = await fetch(`${house.url}/api/v1/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${house.apiKey}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.equal(response.status, 200, await response.text());
  }

  test("an account is authorized, withdrawn at its provider, and refused there", async () => {
    await using provider = await OauthServer.start(`${house.url}/oauth/callback`);
    await api("apps", { definitionJson: JSON.stringify(provider.app("team")) });
    const { id: clientId, secret: clientSecret } = provider.client;
    await api("apps/team:setClient", { clientId, clientSecret });
    await page.reload();
    // Its token is over at once: whoever uses it asks the provider for another.
    provider.lifeS = 1;
    await button("Connect account").first().click();
    await dialog().getByRole("button", { name: "App team" }).click();
    await allow(await popupBy("Go on to App team"));
    await page.getByText("team is connected.").waitFor();
    await dialog().getByRole("button", { name: "Close" }).last().click();

    await provider.withdraw();
    await button("Test team").click();
    await page.getByText(/^team does not work:/).waitFor();
    await page.getByRole("cell", { name: /^Reconnect/ }).waitFor();

    await button("Authorize team").click();
    const refusing = await popupBy("Go on to the provider");
    await refusing.getByRole("button", { name: /^Go on to/ }).click();
    await refusing.getByRole("link", { name: "Cancel" }).click();
    await refusing.getByText("it was not allowed at the provider (access_denied)").waitFor();
    await page.getByText("It is not connected: it was not allowed at the provider (access_denied).").waitFor();
    await refusing.close();

    const foreign = await popupBy("Begin again in a new window");
    await foreign.getByRole("button", { name: /^Go on to/ }).waitFor();
    await foreign.goto(`${house.url}/oauth/callback?code=stolen&state=${"s".repeat(43)}`);
    await foreign.getByText("This link does not work any more").waitFor();
    assert.equal(await page.getByText("team is connected.").count(), 0);
    await foreign.close();
  });

  test("a window that was closed is told of, and can be opened again", async () => {
    await using provider = await OauthServer.start(`${house.url}/oauth/callback`);
    await api("apps", { definitionJson: JSON.stringify(provider.app("other")) });
    const { id: clientId, secret: clientSecret } = provider.client;
    await api("apps/other:setClient", { clientId, clientSecret });
    await page.goto(`${house.url}/accounts`);
    await button("Connect account").first().click();
    await dialog().getByRole("button", { name: "App other" }).click();
    const left = await popupBy("Go on to App other");
    await left.getByRole("button", { name: /^Go on to/ }).waitFor();
    await page.getByText("Waiting until you have allowed it").waitFor();
    await left.close();
    await page.getByText("The other window is closed.").waitFor();
    await allow(await popupBy("Begin again in a new window"));
    await page.getByText("other is connected.").waitFor();
  });

  test("where the browser opens no window, a link leads to the provider", async () => {
    await using provider = await OauthServer.start(`${house.url}/oauth/callback`);
    await api("apps", { definitionJson: JSON.stringify(provider.app("third")) });
    const { id: clientId, secret: clientSecret } = provider.client;
    await api("apps/third:setClient", { clientId, clientSecret });
    await page.goto(`${house.url}/accounts`);
    // What a page gets where windows are blocked.
    await page.evaluate(() => void (window.open = () => null));
    await button("Connect account").first().click();
    await dialog().getByRole("button", { name: "App third" }).click();
    await button("Go on to App third").click();
    await page.getByText("Your browser has opened no window.").waitFor();
    const link = dialog().getByRole("link", { name: "Open the page" });
    const [opened] = await Promise.all([page.context().waitForEvent("page"), link.click()]);
    await allow(opened);
    await page.getByText("third is connected.").waitFor();
    assert.equal(await opened.evaluate(() => globalThis.opener), null);
  });
});

/** Allows what a provider asks in a window, as somebody who signs in there first where that is asked for. */
async function allow(popup: Page): Promise<void> {
  await popup.getByRole("button", { name: /^Go on to/ }).click();
  const [login, consent] = [popup.locator("input[name=login]"), popup.getByRole("button", { name: "Continue" })];
  await login.or(consent).first().waitFor();
  if (await login.isVisible()) {
    await login.fill("ada");
    await popup.locator("input[name=password]").fill("anything");
    await popup.locator("button[type=submit]").click();
  }
  await consent.click();
  await popup.getByText("You can close this page").waitFor();
}
