import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { describe, it } from "node:test";
import { encodeLinkToken, readLinkToken, type LinkClaims } from "./link-token.ts";
import { looksOnly } from "./looks-only.ts";

const macWith = (key: string) => (data: Uint8Array) => createHmac("sha256", key).update(data).digest();
const claims: LinkClaims = { runId: "run", partition: 7, path: "steps/0/runs/2", action: "RESUME", expiresAtMs: 99 };

describe("a link's token", () => {
  it("says what it was made for, and nothing when anything in it is another's", () => {
    const token = encodeLinkToken(claims, macWith("key"));
    assert.deepEqual(readLinkToken(token, macWith("key")), claims);
    const other = encodeLinkToken({ ...claims, action: "CANCEL" }, macWith("key"));
    const mixed = `${other.slice(0, other.lastIndexOf("."))}${token.slice(token.lastIndexOf("."))}`;
    for (const text of [mixed, `${token}A`, token.slice(0, -1), token.replace("mrl1", "mrt1"), "", "mrl1.", "a.b.c"]) {
      assert.equal(readLinkToken(text, macWith("key")), undefined, text);
    }
    assert.equal(readLinkToken(token, macWith("another")), undefined);
  });
});

describe("who follows a link", () => {
  const request = (method: string, headers: Record<string, string> = {}) =>
    ({ method, headers }) as unknown as IncomingMessage;

  it("acts, unless it only looks", () => {
    assert.ok(!looksOnly(request("GET", { accept: "*/*", "user-agent": "curl/8.0" })));
    assert.ok(!looksOnly(request("GET", { "user-agent": "python-requests/2.32" })));
    assert.ok(!looksOnly(request("POST", { accept: "text/html" })));
    assert.ok(looksOnly(request("HEAD")));
    assert.ok(looksOnly(request("GET", { accept: "text/html,*/*;q=0.8" })));
    assert.ok(looksOnly(request("GET", { "sec-purpose": "prefetch" })));
    for (const agent of [
      "Slackbot-LinkExpanding 1.0",
      "WhatsApp/2.23",
      "Twitterbot/1.0",
      "TelegramBot (like TwitterBot)",
    ]) {
      assert.ok(looksOnly(request("GET", { "user-agent": agent })), agent);
    }
  });
});
