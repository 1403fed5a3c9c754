import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { describe, it } from "node:test";
import { OLDEST_BESIDE, RELEASE, RELEASE_UNSAID, compareReleases } from "./release.ts";

const checkout = new URL("../../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, checkout), "utf8");

describe("the release", () => {
  it("is the same wherever it is written", () => {
    const manifests = readdirSync(new URL("packages/", checkout)).filter((name) => !name.startsWith("."));
    const versions = manifests
      .filter((name) => readdirSync(new URL(`packages/${name}/`, checkout)).includes("package.json"))
      .map((name) => [name, (JSON.parse(read(`packages/${name}/package.json`)) as { version: string }).version]);
    assert.ok(versions.length > 10);
    for (const [name, version] of versions) assert.equal(version, RELEASE, `packages/${name}/package.json`);
    assert.equal((JSON.parse(read("package.json")) as { version: string }).version, RELEASE);
    assert.match(read("packages/worker/pyproject.toml"), new RegExp(`^version = "${RELEASE}"$`, "m"));
  });

  it("is ordered by its numbers, not by its letters", () => {
    assert.ok(compareReleases("0.10.0", "0.9.9") > 0);
    assert.ok(compareReleases("1.0.0", "0.99.0") > 0);
    assert.equal(compareReleases("1.2.3", "1.2.3"), 0);
    assert.ok(compareReleases(RELEASE_UNSAID, RELEASE) < 0);
    assert.ok(compareReleases(OLDEST_BESIDE, RELEASE) <= 0);
  });
});
