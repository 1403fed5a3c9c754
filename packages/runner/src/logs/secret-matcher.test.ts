import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import { MASK, SecretMatcher } from "./secret-matcher.ts";

const SECRET = "sk-live/ö+ 4eC39Hq=";

test("masks a secret verbatim, wherever it stands", () => {
  const matcher = new SecretMatcher([SECRET]);
  assert.equal(matcher.mask(`token ${SECRET}, again ${SECRET}${SECRET}!`), `token ${MASK}, again ${MASK}${MASK}!`);
  assert.equal(matcher.mask(SECRET), MASK);
});

test("masks a secret in base64 at every alignment", () => {
  const matcher = new SecretMatcher([SECRET]);
  for (const prefix of ["", "u", "us", "user:"]) {
    for (const suffix of ["", "x", "xy"]) {
      for (const encoding of ["base64", "base64url"] as const) {
        const text = Buffer.from(prefix + SECRET + suffix).toString(encoding);
        const masked = matcher.mask(`Basic ${text} end`);
        assert.ok(masked.includes(MASK), `${prefix}|${suffix} in ${encoding}: ${masked}`);
        assert.ok(masked.length < "Basic  end".length + MASK.length + 16, masked);
      }
    }
  }
});

test("masks a secret in the URL encodings of Node and Python", () => {
  const matcher = new SecretMatcher([SECRET]);
  const encodings = [
    encodeURIComponent(SECRET),
    "sk-live/%C3%B6%2B%204eC39Hq%3D",
    "sk-live%2F%C3%B6%2B+4eC39Hq%3D",
    "sk-live%2f%c3%b6%2b%204eC39Hq%3d",
  ];
  for (const encoded of encodings)
    assert.equal(matcher.mask(`https://x/?k=${encoded}&b=1`), `https://x/?k=${MASK}&b=1`);
});

test("masks the lines of a secret of several lines, and its JSON text", () => {
  const key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n";
  const matcher = new SecretMatcher([key]);
  assert.equal(matcher.mask("MIIEvQIBADANBg"), MASK);
  assert.equal(matcher.mask(JSON.stringify({ key })), `{"key":"${MASK}"}`);
});

test("leaves short values and other text alone, as the same string", () => {
  const matcher = new SecretMatcher(["short", "1234567", SECRET]);
  const text = "short 1234567 sk-live";
  assert.equal(matcher.mask(text), text);
  assert.ok(new SecretMatcher(["short"]).isEmpty);
});

test("counts the eight bytes in UTF-8", () => {
  assert.equal(new SecretMatcher(["密码密"]).mask("a 密码密 b"), `a ${MASK} b`);
});

test("prefers the longer of two secrets that begin alike", () => {
  const matcher = new SecretMatcher(["password", "password-of-the-database"]);
  assert.equal(matcher.mask("password-of-the-database password"), `${MASK} ${MASK}`);
});

test("finds what a plain search finds, over random secrets and texts", () => {
  for (let round = 0; round < 300; round++) {
    const secrets = Array.from({ length: 1 + (round % 7) }, () => randomBytes(4 + (round % 9)).toString("hex"));
    const pieces = Array.from({ length: 8 }, (_, i) =>
      i % 3 === 0 ? secrets[i % secrets.length]! : randomBytes(3).toString("hex"),
    );
    const masked = new SecretMatcher(secrets).mask(pieces.join(""));
    for (const secret of secrets) assert.ok(!masked.includes(secret), `${secret} in ${masked}`);
  }
});

test("a thousand secrets cost little per line", () => {
  const matcher = new SecretMatcher(Array.from({ length: 1000 }, () => randomBytes(24).toString("base64")));
  const line = "2026-01-01 INFO fetched 200 rows from https://example.com/items?page=1 ".repeat(200);
  const start = performance.now();
  for (let i = 0; i < 20; i++) matcher.mask(line);
  assert.ok((performance.now() - start) / 20 < 20, "14 KiB took longer than 20 ms");
});
