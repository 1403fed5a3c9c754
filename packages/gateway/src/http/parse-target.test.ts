import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseTarget, parseTriggerPath } from "./parse-target.ts";

describe("parseTarget", () => {
  const targets: [string, string, string][] = [
    ["/t/abc", "/t/abc", ""],
    ["/t/abc?x=1?y", "/t/abc", "x=1?y"],
    ["http://other.example/t/abc?x", "/t/abc", "x"],
    ["http://other.example", "/", ""],
    ["*", "/*", ""],
    ["//t/abc", "//t/abc", ""],
  ];
  for (const [target, path, query] of targets) {
    it(`reads ${target}`, () => assert.deepEqual(parseTarget(target), { path, query }));
  }
});

describe("parseTriggerPath", () => {
  it("splits the endpoint from what is below it, as sent", () => {
    assert.deepEqual(parseTriggerPath("/t/abc"), { endpoint: "abc", path: "/" });
    assert.deepEqual(parseTriggerPath("/t/abc/"), { endpoint: "abc", path: "/" });
    assert.deepEqual(parseTriggerPath("/t/abc/x/../%2e%2e/y"), { endpoint: "abc", path: "/x/../%2e%2e/y" });
  });

  for (const path of ["/", "/t", "/t/", "//t/abc", "/x/t/abc", "/t/a.b", "/t/a%20b", `/t/${"a".repeat(129)}`]) {
    it(`finds no trigger at ${path.slice(0, 20)}`, () => assert.equal(parseTriggerPath(path), undefined));
  }
});
