import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { access, mkdir, mkdtemp, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { scratchFolder } from "@millrace/testkit";
import { removeTree } from "./remove-tree.ts";

const scratch = scratchFolder();
// More than a path may have, made as a build script would: one folder at a time.
const DEEP = `for i in $(seq 30); do mkdir ${"d".repeat(200)} && cd ${"d".repeat(200)} || exit 1; done; mkdir shut; chmod 0 shut`;

test("what a build left is removed, however deep it is, and nothing that it links to", async () => {
  const folder = await mkdtemp(join(scratch, "tree-"));
  await writeFile(join(scratch, "kept"), "kept");
  await mkdir(join(folder, "built"));
  await symlink("../..", join(folder, "built", "out"));
  execFileSync("bash", ["-c", DEEP], { cwd: join(folder, "built") });
  await removeTree(folder);
  await assert.rejects(access(folder), { code: "ENOENT" });
  assert.equal(await readFile(join(scratch, "kept"), "utf8"), "kept");
});

test("what is not there is removed already", async () => {
  await removeTree(join(scratch, "nothing"));
});
