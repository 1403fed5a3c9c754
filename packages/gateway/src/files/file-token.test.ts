import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FileTokens, type FileGrant } from "./file-token.ts";

const tokens = new FileTokens(Buffer.alloc(32, 7));
const upload: FileGrant = {
  kind: "object",
  projectId: "project",
  objectId: "object",
  size: 12,
  contentType: "image/png",
  filename: "Grüße.png",
  expiresAtMs: undefined,
};
const file: FileGrant = { kind: "path", projectId: "project", path: "reports/ä b.csv", expiresAtMs: 1_000 };

describe("FileTokens", () => {
  it("gives back what was signed", () => {
    assert.deepEqual(tokens.verify(tokens.sign(upload), Number.MAX_SAFE_INTEGER), upload);
    assert.deepEqual(tokens.verify(tokens.sign(file), 999), file);
  });

  it("makes tokens that need no escaping in an address", () => {
    assert.match(tokens.sign(file), /^[A-Za-z0-9_.-]+$/);
  });

  it("refuses a token at its expiry, and says when that was", () => {
    assert.throws(() => tokens.verify(tokens.sign(file), 1_000), {
      kind: "PermissionDenied",
      reason: "FILE_LINK_EXPIRED",
      message: /1970-01-01T00:00:01\.000Z/,
    });
  });

  const [text, mac] = tokens.sign(file).split(".") as [string, string];
  const other = Buffer.from(JSON.stringify(["path", "other", "secret", 9e15])).toString("base64url");
  const bad: [string, string][] = [
    ["nothing", ""],
    ["other words", "hello"],
    ["a token without its MAC", text],
    ["an empty MAC", `${text}.`],
    ["a MAC that is cut", `${text}.${mac.slice(0, 8)}`],
    ["another grant under the same MAC", `${other}.${mac}`],
    ["the token of another key", new FileTokens(Buffer.alloc(32, 8)).sign(file)],
    ["a token with something behind it", `${text}.${mac}.x`],
    ["a token that is too long", `${"a".repeat(9_000)}.${mac}`],
  ];
  for (const [title, token] of bad) {
    it(`refuses ${title}`, () => {
      assert.throws(() => tokens.verify(token, 0), { kind: "PermissionDenied", reason: "FILE_LINK_INVALID" });
    });
  }
});
