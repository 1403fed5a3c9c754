import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";

// Plain JavaScript, shared with the script that writes the index.
// @ts-expect-error it has no declarations
const { decisionFolder, decisionIndex } = (await import("../../scripts/lib/decision-index.mjs")) as {
  decisionFolder: string;
  decisionIndex: () => string;
};

const root = join(import.meta.dirname, "../..");

async function documents(): Promise<string[]> {
  const inRoot = (await readdir(root)).filter((name) => name.endsWith(".md"));
  const inDocs = (await readdir(join(root, "docs"), { recursive: true })).filter((name) => name.endsWith(".md"));
  return [...inRoot, ...inDocs.map((name) => join("docs", name))];
}

test("every link between documents leads somewhere", async () => {
  const broken: string[] = [];
  for (const file of await documents()) {
    const text = await readFile(join(root, file), "utf8");
    for (const [, target] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (target === undefined || /^[a-z]+:/.test(target)) continue;
      if (!existsSync(join(root, dirname(file), target))) broken.push(`${file}: ${target}`);
    }
  }
  assert.deepEqual(broken, []);
});

test("the index of decisions is what `npm run generate` makes", async () => {
  assert.equal(await readFile(join(decisionFolder, "README.md"), "utf8"), decisionIndex());
});

test("the tour of the code stays short", async () => {
  const lines = (await readFile(join(root, "ARCHITECTURE.md"), "utf8")).split("\n").length;
  assert.ok(lines < 200, `ARCHITECTURE.md has ${lines} lines`);
});
