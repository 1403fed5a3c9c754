import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { checkout } from "./paths.mjs";
import { suites } from "./suites.mjs";

/** An argument that names a program or a test of ours. */
const FILE = /^test\/.*\.(ts|mjs|py)$|\.test\.(ts|mjs)$/;

describe("the suites", () => {
  for (const { name, commands } of suites) {
    it(`${name} runs something, and files that are there`, () => {
      const all = commands({ node: "node", python: "python" });
      assert.notEqual(all.length, 0);
      for (const command of all) {
        const files = command.filter((argument) => FILE.test(argument));
        if (command.includes("--test")) assert.notEqual(files.length, 0, "no test files");
        for (const file of files) assert.ok(existsSync(join(checkout, file)), `there is no ${file}`);
      }
    });
  }
});
