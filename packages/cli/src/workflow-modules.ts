import { readdir, realpath, stat } from "node:fs/promises";
import { basename, join, relative, resolve, sep } from "node:path";
import { PlatformError } from "@millrace/core";

/** Folders whose Python belongs to tools, not to the workflow. */
const SKIPPED = /^(\..*|__pycache__|node_modules|venv|env|site-packages)$/;
const DEPTH_MAX = 8;
const MODULES_MAX = 1000;

/** A Python module that goes along with a deploy. */
export interface ModuleFile {
  /** Path that imports find it by. */
  readonly name: string;
  readonly path: string;
}

/**
 * Finds the Python modules that the steps of a folder may import: every `.py` file in it but the steps, then those of further
 * folders. Where two have the same path, the folder's own counts, then the earlier one.
 */
export async function findModules(
  root: string,
  steps: ReadonlySet<string>,
  furtherFolders: readonly string[],
): Promise<ModuleFile[]> {
  const found = new Map<string, ModuleFile>();
  for (const given of [".", ...furtherFolders]) {
    const folder = await realpath(resolve(root, given)).catch(() => undefined);
    if (folder === undefined || !(await stat(folder)).isDirectory()) {
      const message = `There is no folder ${given}, which "modules" names.`;
      throw new PlatformError("InvalidArgument", "MODULES_MISSING", message, { metadata: { folder: given } });
    }
    const isOwn = given === ".";
    for await (const path of pythonFiles(folder, folder, 0)) {
      const name = relative(folder, path).split(sep).join("/");
      if ((!isOwn || !steps.has(name)) && !found.has(name)) found.set(name, { name, path });
      if (found.size > MODULES_MAX) throw tooMany(folder);
    }
  }
  return [...found.values()];
}

async function* pythonFiles(folder: string, root: string, depth: number): AsyncGenerator<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  // A folder that was made by venv under whatever name.
  if (entries.some(({ name }) => name === "pyvenv.cfg")) return;
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (depth < DEPTH_MAX && !SKIPPED.test(entry.name)) yield* pythonFiles(path, root, depth + 1);
    } else if (entry.name.endsWith(".py") && !entry.name.startsWith(".") && (await isWithin(path, root))) {
      yield path;
    }
  }
}

/** Links that lead out of the folder are left out: nobody has named them. */
async function isWithin(path: string, root: string): Promise<boolean> {
  const real = await realpath(path).catch(() => undefined);
  return real !== undefined && real.startsWith(root + sep) && (await stat(real)).isFile();
}

function tooMany(folder: string): PlatformError {
  const message = `More than ${MODULES_MAX} Python files in ${basename(folder)}: is it a workflow's folder?`;
  return new PlatformError("InvalidArgument", "TOO_MANY_MODULES", message, { metadata: { folder } });
}
