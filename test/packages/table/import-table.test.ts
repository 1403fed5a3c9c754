import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { IMPORT_TABLE, packageNameOf } from "@millrace/core";
import { loadTools } from "@millrace/provision";
import { scratchFolder } from "@millrace/testkit";

const run = promisify(execFile);
const uv = join(dirname(loadTools().python), "uv");
const scratch = scratchFolder();
const AT_ONCE = 3;

/** Packages that come as source and want libraries of the machine: what they hold is known only once they are built. */
const NEEDS_LIBRARIES: ReadonlySet<string> = new Set(["mysqlclient", "pycairo", "python-ldap"]);

/** Whether an installed folder has a module: a file, an extension, a package or a part of a namespace. */
async function hasModule(folder: string, importName: string): Promise<boolean> {
  const path = join(folder, ...importName.split("."));
  if (existsSync(path)) return true;
  const name = importName.split(".").at(-1)!;
  const entries = await readdir(dirname(path)).catch(() => []);
  return entries.some((entry) => entry === `${name}.py` || (entry.startsWith(`${name}.`) && entry.endsWith(".so")));
}

/** Says what is wrong with the rows of one package; nothing when each import is in it. */
async function problemsOf(requirement: string, imports: readonly string[]): Promise<string[]> {
  const folder = await mkdtemp(join(scratch, "row-"));
  const name = packageNameOf(requirement);
  try {
    await run(uv, [
      "pip",
      "install",
      "--quiet",
      "--no-config",
      "--no-deps",
      "--system-certs",
      "--python",
      loadTools().python,
      "--target",
      folder,
      requirement.replace(/\[.*\]/, ""),
    ]);
  } catch (thrown) {
    const { stderr } = thrown as { stderr: string };
    const isThere = NEEDS_LIBRARIES.has(name) && !stderr.includes("not found in the package registry");
    return isThere ? [] : [`${requirement}: ${stderr.slice(0, 300)}`];
  }
  const problems: string[] = [];
  for (const one of imports)
    if (!(await hasModule(folder, one))) problems.push(`${one}: ${requirement} has no such module`);
  await rm(folder, { recursive: true });
  return problems;
}

test("each import of the table is in the package that the table says", async () => {
  const byPackage = new Map<string, string[]>();
  for (const [importName, requirement] of Object.entries(IMPORT_TABLE)) {
    byPackage.set(requirement, [...(byPackage.get(requirement) ?? []), importName]);
  }
  const waiting = [...byPackage];
  const problems: string[] = [];
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop())
      problems.push(...(await problemsOf(...next)));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  assert.deepEqual(problems, []);
});
