import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fillFolder } from "./fresh-folder.mjs";
import { checkout } from "./paths.mjs";
import { withProgress } from "./progress.mjs";
import { run } from "./run.mjs";

const app = join(checkout, "packages/web");
const sources = ["index.html", "package.json", "public", "scripts/build.mjs", "src", "vite.config.ts"];
const stampName = "sources.sha256";

/**
 * Builds the web app when what it is made of is not what it was built from.
 *
 * @param {string} node
 */
export async function ensureWeb(node) {
  const folder = join(app, "dist");
  const stamp = hashOfSources();
  if (read(join(folder, stampName)) === stamp) return;
  await withProgress("web app", () =>
    fillFolder(folder, async (fresh) => {
      const remedy = "read what it says; a fresh clone and npm start bring everything anew";
      await run(node, [join(app, "scripts/build.mjs"), fresh], { cwd: app, remedy });
      writeFileSync(join(fresh, stampName), stamp);
    }),
  );
}

function hashOfSources() {
  const hash = createHash("sha256").update(readFileSync(join(checkout, "package-lock.json")));
  for (const file of sources.flatMap(filesOf)) {
    hash.update(file).update(readFileSync(join(app, file)));
  }
  return hash.digest("hex");
}

function filesOf(path) {
  if (!statSync(join(app, path)).isDirectory()) return [path];
  const below = readdirSync(join(app, path), { recursive: true }).map((name) => join(path, name));
  return below.filter((name) => statSync(join(app, name)).isFile()).sort();
}

function read(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
