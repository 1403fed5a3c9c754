import { after, before } from "node:test";

import { useHouse } from "./shared-house.ts";
import { WebBrowser } from "./web-browser.ts";

/** The browser of this file's tests; there once `useWebHouse` has run. */
export let browser: WebBrowser;

/** Starts a browser and a house (`house` of shared-house.ts) before the tests of a file, and ends both behind them. */
export function useWebHouse(options: Parameters<typeof useHouse>[0] = {}): void {
  // First, so that it is closed when the house fails.
  before(async () => {
    browser = await WebBrowser.start();
  });
  after(() => browser?.[Symbol.asyncDispose]());
  useHouse(options);
}
