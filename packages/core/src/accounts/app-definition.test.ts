import assert from "node:assert/strict";
import { test } from "node:test";
import { FIELD_NAME, isScope, parseAppDefinition } from "./app-definition.ts";

const oauth = { authorizationUrl: "https://a.example/auth", tokenUrl: "https://a.example/token" };

test("an app that says little gets what most providers want", () => {
  const app = parseAppDefinition({ name: "own", auth: "oauth", oauth });
  assert.deepEqual(app, {
    ...{ name: "own", title: "own", auth: "oauth", fields: [], tests: [], setupUrl: "" },
    oauth: {
      ...oauth,
      ...{ scopes: [], scopeSeparator: " ", pkce: true, clientAuth: "basic", requestFormat: "form" },
      ...{ authorizationParams: {}, tokenParams: {}, tokenPath: "access_token", extraFields: {} },
    },
  });
  const key = parseAppDefinition({ name: "k", fields: [{ name: "api_key" }] });
  assert.deepEqual(key.fields, [{ name: "api_key", title: "api_key", secret: true, optional: false }]);
  assert.deepEqual([key.auth, key.oauth], ["key", undefined]);
});

test("every mistake is named with its place", () => {
  const bad: [unknown, RegExp][] = [
    [null, /expected an object/],
    [{ name: "Own" }, /name: expected/],
    [{ name: "own", auth: "oauth" }, /oauth: missing/],
    [{ name: "own", auth: "magic" }, /auth: expected one of/],
    [
      { name: "own", auth: "oauth", oauth: { tokenUrl: "ftp://x" } },
      /authorizationUrl: missing; oauth.tokenUrl: expected/,
    ],
    [{ name: "own", auth: "oauth", oauth: { ...oauth, scopes: ["a b"] } }, /oauth.scopes: \[0\]/],
    [{ name: "own", auth: "oauth", oauth: { ...oauth, pkce: "yes" } }, /oauth.pkce: expected true or false/],
    [{ name: "own", auth: "oauth", oauth: { ...oauth, extraFields: { "a-b": "x" } } }, /"a-b" is not a name/],
    [{ name: "own", fields: [{ name: "__proto__" }] }, /fields\[0\].name/],
    [{ name: "own", tests: [{ url: "https://x", headers: { "a b": "c" } }] }, /tests\[0\].headers/],
    [{ name: "own", tests: [{ url: "https://x", headers: { a: "b\r\nc" } }] }, /tests\[0\].headers.a/],
    [{ name: "own", oauth: {} }, /oauth: unknown/],
    [{ name: "own", surprise: 1 }, /surprise: unknown/],
  ];
  for (const [value, expected] of bad) {
    assert.throws(() => parseAppDefinition(value), { reason: "INVALID_APP", message: expected }, JSON.stringify(value));
  }
});

test("client credentials need no page to allow it", () => {
  const app = parseAppDefinition({
    name: "m",
    auth: "client_credentials",
    oauth: { tokenUrl: "https://a.example/token" },
  });
  assert.equal(app.oauth?.authorizationUrl, "");
});

test("names of fields and scopes are those that can be used as such", () => {
  for (const name of ["a", "_a", "oauth_access_token", "A9"]) assert.ok(FIELD_NAME.test(name), name);
  for (const name of ["", "9a", "a-b", "__proto__", "a".repeat(65)]) assert.ok(!FIELD_NAME.test(name), name);
  for (const scope of ["read", "https://a.example/scope", "a:b/c"]) assert.ok(isScope(scope), scope);
  for (const scope of ["", "a b", 'a"', 1, "ü"]) assert.ok(!isScope(scope), String(scope));
});
