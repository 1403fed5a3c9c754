import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, it } from "node:test";
import { encodeRunToken, verifyRunToken, type RunTokenClaims } from "./run-token.ts";

const mac = (data: Uint8Array) => createHmac("sha256", "k".repeat(32)).update(data).digest();
const otherMac = (data: Uint8Array) => createHmac("sha256", "x".repeat(32)).update(data).digest();
const claims: RunTokenClaims = {
  projectId: "p",
  workflowId: "w",
  versionId: "v",
  runId: "r",
  assignment: 2,
  runner: "run.ner",
  expiresAtMs: 1000,
};
const token = encodeRunToken(claims, mac);

describe("verifyRunToken", () => {
  it("gives back what was signed", () => {
    assert.deepEqual(verifyRunToken(token, mac, 999), claims);
  });

  it("refuses a token at its expiry", () => {
    assert.throws(() => verifyRunToken(token, mac, 1000), { reason: "RUN_TOKEN_EXPIRED", kind: "Unauthenticated" });
  });

  const [prefix, body, signature] = token.split(".") as [string, string, string];
  const forged = Buffer.from(JSON.stringify(["other", "w", "v", "r", 2, "run.ner", 1e15])).toString("base64url");
  const bad: [string, string][] = [
    ["nothing", ""],
    ["other words", "hello"],
    ["a token without its MAC", `${prefix}.${body}`],
    ["an empty MAC", `${prefix}.${body}.`],
    ["other claims under the same MAC", `${prefix}.${forged}.${signature}`],
    ["another key's token", encodeRunToken(claims, otherMac)],
    ["another version of tokens", `mrt2.${body}.${signature}`],
    ["a token that is too long", `${prefix}.${"a".repeat(3000)}.${signature}`],
  ];
  for (const [title, text] of bad) {
    it(`refuses ${title}`, () => {
      assert.throws(() => verifyRunToken(text, mac, 0), { reason: "RUN_TOKEN_INVALID", kind: "Unauthenticated" });
    });
  }
});
