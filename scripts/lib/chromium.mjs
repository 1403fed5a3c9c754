import { aptInstall, hasApt } from "./apt.mjs";
import { say, withProgress } from "./progress.mjs";
import { ask } from "./run.mjs";

/**
 * The browser of the web app's tests: whichever the machine has, else the system's package, which root alone can install.
 *
 * @returns {Promise<{chromium?: string}>}
 */
export async function ensureChromium() {
  if (find() === undefined && hasApt() && process.getuid() === 0) {
    await withProgress("chromium", () => aptInstall("chromium", "fonts-liberation")).catch((error) =>
      say(error.message),
    );
  }
  const chromium = find();
  if (chromium === undefined) say("there is no chromium here: tests of the web app will say so and fail");
  return { chromium };
}

function find() {
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    const path = ask("which", [name]);
    if (path !== undefined) return path;
  }
  return undefined;
}
