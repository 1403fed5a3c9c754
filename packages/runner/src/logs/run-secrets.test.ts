import assert from "node:assert/strict";
import { test } from "node:test";

import { GrantedSecrets } from "./granted-secrets.ts";
import { RunSecrets } from "./run-secrets.ts";
import { MASK, SecretMatcher } from "./secret-matcher.ts";

const SECRET = "sk-live-0123456789abcdef";
const secrets = new RunSecrets(new SecretMatcher([SECRET]));

test("masks a secret wherever a text is cut into pieces, and keeps the rest of each piece", () => {
  const text = `before ${SECRET} between ${Buffer.from(`x${SECRET}`).toString("base64")} behind`;
  const whole = secrets.mask(text);
  for (let at = 0; at <= text.length; at++) {
    for (const end of [at, Math.min(at + 5, text.length)]) {
      const pieces = [text.slice(0, at), text.slice(at, end), text.slice(end)];
      assert.equal(secrets.maskPieces(pieces, {}).join(""), whole, `cut at ${at} and ${end}`);
    }
  }
});

test("leaves pieces without a secret as they are", () => {
  assert.deepEqual(secrets.maskPieces(["sk-live-", "other", ""], {}), ["sk-live-", "other", ""]);
});

test("masks what a cut has left of a secret, from eight characters on", () => {
  for (let left = 8; left < SECRET.length; left++) {
    const [head, tail] = [SECRET.slice(0, left), SECRET.slice(-left)];
    assert.deepEqual(secrets.maskPieces([`it is ${head}`], { end: true }), [`it is ${MASK}`]);
    assert.deepEqual(secrets.maskPieces([`${tail} it is`], { start: true }), [`${MASK} it is`]);
  }
  assert.deepEqual(secrets.maskPieces(["it is sk-live"], { end: true }), ["it is sk-live"]);
  assert.deepEqual(secrets.maskPieces([`it is ${SECRET.slice(0, 12)} or so`], { end: true }), [
    `it is ${SECRET.slice(0, 12)} or so`,
  ]);
});

test("masks both sides of a gap that a traceback or a message has", () => {
  for (const gap of ["\n  … 4096 characters left out …\n", "\n… 77 bytes left out …\n"]) {
    const text = `error: ${SECRET.slice(0, 15)}${gap}${SECRET.slice(-11)} and ${SECRET}`;
    assert.equal(secrets.maskShortened(text), `error: ${MASK}${gap}${MASK} and ${MASK}`);
  }
  assert.equal(secrets.maskShortened(`error: ${SECRET}`), `error: ${MASK}`);
  assert.equal(secrets.maskShortened(`why ${SECRET.slice(0, 10)}`, { end: true }), `why ${MASK}`);
});

test("masks what Python's repr and JSON in ASCII make of a secret", () => {
  const odd = new RunSecrets(new SecretMatcher(["pass\"wörd\\with\tall'of it"]));
  const forms = [
    `'pass"wörd\\\\with\\tall\\'of it'`,
    `"pass\\"w\\u00f6rd\\\\with\\tall'of it"`,
    `"pass\\"wörd\\\\with\\tall'of it"`,
  ];
  for (const form of forms) assert.equal(odd.mask(form).replaceAll(/['"]/g, ""), MASK, form);
});

test("masks what a version was given, for its later runs too, and what came before a refresh", () => {
  const granted = new GrantedSecrets();
  const run = new RunSecrets(new SecretMatcher([]), () => granted.matcherOf("v1"));
  const other = new RunSecrets(new SecretMatcher([]), () => granted.matcherOf("v2"));
  assert.ok(run.isEmpty);
  granted.add("v1", ["token-number-one"]);
  granted.add("v1", ["token-number-two", "short"]);
  assert.ok(!run.isEmpty);
  assert.equal(run.mask("token-number-one token-number-two short"), `${MASK} ${MASK} short`);
  assert.equal(other.mask("token-number-one"), "token-number-one");
});

test("remembers the newest of very many", () => {
  const granted = new GrantedSecrets();
  for (let n = 0; n < 200; n++) granted.add("v", [`token number ${n}`]);
  assert.equal(granted.matcherOf("v")!.mask("token number 199"), MASK);
  assert.equal(granted.matcherOf("v")!.mask("token number 0,"), "token number 0,");
  for (let n = 0; n < 1_000; n++) granted.add(`v${n}`, ["token-token"]);
  assert.equal(granted.matcherOf("v"), undefined);
});

test("remembers what is given again and again beside tokens that change", () => {
  const granted = new GrantedSecrets();
  for (let n = 0; n < 200; n++) {
    granted.add("v", ["the key that stays"]);
    granted.add("v", [`token number ${n}`]);
    assert.equal(granted.matcherOf("v")!.mask("the key that stays"), MASK, `after token ${n}`);
  }
});

test("a project's secrets and a version's are masked together where they meet", () => {
  const both = new RunSecrets(new SecretMatcher(["abcdefgh-shared"]), () => new SecretMatcher(["shared-ijklmnop"]));
  assert.equal(both.maskPieces(["abcdefgh-sha", "red-ijklmnop!"], {}).join(""), `${MASK}!`);
});
