import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { matchPath, parsePathTemplate, splitPath } from "./path-template.ts";

function match(template: string, path: string): Record<string, string> | undefined {
  const fields = matchPath(parsePathTemplate(template), splitPath(path));
  return fields && Object.fromEntries(fields);
}

describe("a path template", () => {
  it("puts what it matches into fields, decoded", () => {
    assert.deepEqual(match("/a/{name=workflows/*}", "/a/workflows/x%20y"), { name: "workflows/x y" });
    assert.deepEqual(match("/a/{name=workflows/*/runs/*}", "/a/workflows/-/runs/1"), { name: "workflows/-/runs/1" });
    assert.deepEqual(match("/a/{file.name=files/**}", "/a/files/x/y%2Fz"), { "file.name": "files/x/y/z" });
    assert.deepEqual(match("/a/b", "/a/b"), {});
  });

  it("matches its own action alone, and a colon that is encoded is none", () => {
    assert.equal(match("/a/{name=files/**}", "/a/files/x:download"), undefined);
    assert.deepEqual(match("/a/{name=files/**}:download", "/a/files/x%3Ay:download"), { name: "files/x:y" });
    assert.equal(match("/a/{name=files/**}:download", "/a/files/x"), undefined);
    assert.deepEqual(match("/a/{name=files/**}", "/a/files/x%3Adownload"), { name: "files/x:download" });
  });

  it("matches neither fewer segments nor more, nor empty ones", () => {
    assert.equal(match("/a/{name=workflows/*}", "/a/workflows"), undefined);
    assert.equal(match("/a/{name=workflows/*}", "/a/workflows/"), undefined);
    assert.equal(match("/a/{name=workflows/*}", "/a/workflows/x/y"), undefined);
    assert.equal(match("/a/{name=files/**}", "/a/files"), undefined);
  });

  it("throws for what is not UTF-8 in percent-encoding", () => {
    assert.throws(() => match("/a/{name=workflows/*}", "/a/workflows/%ff"), URIError);
  });
});
