import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseDirectoryPath, parseFilePath } from "./file-path.ts";

describe("parseFilePath", () => {
  const good: [string, string][] = [
    ["a", "a"],
    ["/a/b.csv", "a/b.csv"],
    ["reports/Größe 1.csv", "reports/Größe 1.csv"],
    ["Gro\u0308\u00dfe", "Gr\u00f6\u00dfe"],
    ["...", "..."],
    ["x".repeat(255), "x".repeat(255)],
  ];
  for (const [given, path] of good)
    it(`takes ${JSON.stringify(given)}`, () => assert.equal(parseFilePath(given), path));

  const bad = [
    "",
    "/",
    "//a",
    "a//b",
    "a/",
    "..",
    "../a",
    "a/../b",
    "a/./b",
    "a\0b",
    "a\nb",
    "a\\b",
    "\ud800",
    "x".repeat(256),
    `${"ä".repeat(128)}`,
    "x/".repeat(600) + "x",
  ];
  for (const given of bad) {
    it(`refuses ${JSON.stringify(given.slice(0, 20))}`, () => {
      assert.throws(() => parseFilePath(given), { kind: "InvalidArgument", reason: "INVALID_PATH" });
    });
  }
});

describe("parseDirectoryPath", () => {
  it("ends every directory but the root with a slash", () => {
    assert.equal(parseDirectoryPath(""), "");
    assert.equal(parseDirectoryPath("/"), "");
    assert.equal(parseDirectoryPath("/a/b"), "a/b/");
    assert.equal(parseDirectoryPath("a/b/"), "a/b/");
  });

  for (const given of ["..", "a//b", "a//", "./a"]) {
    it(`refuses ${given}`, () => assert.throws(() => parseDirectoryPath(given), { reason: "INVALID_PATH" }));
  }
});
