import { existsSync } from "node:fs";
import { join } from "node:path";
import { fillFolder } from "./fresh-folder.mjs";
import { checkout, toolsFolder } from "./paths.mjs";
import { findPython, pipInstall } from "./pip.mjs";
import { withProgress } from "./progress.mjs";

const folder = join(toolsFolder, "bench-tools");

/**
 * What the bare web app of the bench is made of, from wheels whose hashes scripts/bench-tools.lock names.
 *
 * @returns {Promise<{python: string, library: string}>} a Python, and a folder for its PYTHONPATH
 */
export async function ensureBenchTools() {
  if (!existsSync(folder)) {
    await withProgress("FastAPI for the bench", () =>
      fillFolder(folder, (fresh) =>
        pipInstall([], ["--target", fresh, "-r", join(checkout, "scripts/bench-tools.lock")]),
      ),
    );
  }
  return { python: findPython(), library: folder };
}
