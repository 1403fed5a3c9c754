import { existsSync } from "node:fs";
import { join } from "node:path";
import { fillFolder } from "./fresh-folder.mjs";
import { checkout, toolsFolder } from "./paths.mjs";
import { withProgress } from "./progress.mjs";
import { run } from "./run.mjs";

const remedy = "install Go 1.26 or later, and see that it reaches its module proxy";

/**
 * Helm, built from its own sources at the version and with the checksums of scripts/go-tools/helm.
 *
 * @returns {Promise<string>} the path of the binary
 */
export function ensureHelm() {
  return build("helm", "helm.sh/helm/v3/cmd/helm");
}

/**
 * A program of a few lines on the library with which Docker reads compose files.
 *
 * @returns {Promise<string>} the path of the binary
 */
export function ensureComposeConfig() {
  return build("compose-config", ".");
}

async function build(name, what) {
  const folder = join(toolsFolder, `go-${name}`);
  const program = join(folder, name);
  if (existsSync(program)) {
    return program;
  }
  await withProgress(`${name}, built with Go (a few minutes the first time)`, () =>
    fillFolder(folder, (fresh) =>
      run("go", ["build", "-buildvcs=false", "-ldflags=-s", "-o", join(fresh, name), what], {
        cwd: join(checkout, "scripts/go-tools", name),
        remedy,
      }),
    ),
  );
  return program;
}
