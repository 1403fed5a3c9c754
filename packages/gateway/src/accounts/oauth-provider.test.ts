import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAppDefinition, type AppOauth } from "@millrace/core";
import { builtInApps } from "./app-directory.ts";
import { requestToken, type Grant } from "./oauth-provider.ts";
import type { ProviderAnswer, ProviderRequest } from "./provider-client.ts";

const client = { id: "the client", secret: "se:cret/+" };
const code: Grant = { type: "authorization_code", code: "c", verifier: "v", redirectUri: "https://h/oauth/callback" };

function oauthOf(name: string): AppOauth {
  return builtInApps().get(name)!.oauth!;
}

/** Asks a provider that gives this answer; returns what it was asked, too. */
async function exchange(
  oauth: AppOauth,
  body: unknown,
  given: { grant?: Grant; status?: number; scopes?: string[] } = {},
) {
  const { grant = code, status = 200, scopes = [] } = given;
  const asked: ProviderRequest[] = [];
  const ask = (request: ProviderRequest): Promise<ProviderAnswer> => {
    asked.push(request);
    return Promise.resolve({ status, body: typeof body === "string" ? body : JSON.stringify(body) });
  };
  const change = await requestToken(ask, { oauth, client, grant, scopes }, 1_000);
  return { change, asked: asked[0]! };
}

test("every built-in app is a definition, and those with OAuth speak it over TLS", () => {
  assert.equal(builtInApps().size, 13);
  for (const app of builtInApps().values()) {
    const urls = [app.oauth?.tokenUrl, app.oauth?.authorizationUrl, ...app.tests.map(({ url }) => url)];
    for (const url of urls)
      assert.ok(url === undefined || url === "" || url.startsWith("https://"), `${app.name}: ${url}`);
    const names = new Set([...app.fields.map(({ name }) => name), ...(app.oauth ? ["oauth_access_token"] : [])]);
    for (const { url, headers } of app.tests) {
      for (const [, place] of [url, ...Object.values(headers)].join(" ").matchAll(/\{\{(\w+)\}\}/g)) {
        assert.ok(names.has(place!), `${app.name} has no field ${place}`);
      }
    }
  }
});

test("the client proves itself as its provider wants", async () => {
  const basic = await exchange(oauthOf("airtable"), { access_token: "t" });
  const form = new URLSearchParams(basic.asked.body);
  assert.deepEqual(Object.fromEntries(form), {
    ...{ grant_type: "authorization_code", code: "c", code_verifier: "v", redirect_uri: "https://h/oauth/callback" },
  });
  const [scheme, text] = basic.asked.headers["authorization"]!.split(" ");
  assert.deepEqual([scheme, Buffer.from(text!, "base64").toString()], ["Basic", "the+client:se%3Acret%2F%2B"]);
  const body = await exchange(oauthOf("github"), { access_token: "t" });
  assert.equal(body.asked.headers["authorization"], undefined);
  assert.equal(new URLSearchParams(body.asked.body).get("client_secret"), client.secret);
  const json = await exchange(oauthOf("notion"), { access_token: "t", workspace_id: "w" });
  assert.equal(json.asked.headers["content-type"], "application/json");
  assert.equal((JSON.parse(json.asked.body!) as { code: string }).code, "c");
  assert.equal(json.change.contents.fields["workspace_id"], "w");
});

test("what the answer has becomes the account: token, expiry, refresh token and the app's own fields", async () => {
  const answer = { ok: true, access_token: "xoxb-1", expires_in: "43200", team: { id: "T1" }, refresh_token: "r" };
  const { change } = await exchange(oauthOf("slack"), answer);
  assert.deepEqual(change.contents.fields, { oauth_client_id: client.id, team_id: "T1", oauth_access_token: "xoxb-1" });
  assert.deepEqual(
    change.fields.filter(({ secret }) => secret).map(({ name }) => name),
    ["oauth_access_token"],
  );
  assert.deepEqual([change.contents.refreshToken, change.expireTimeMs], ["r", 43_201_000]);
  const form = await exchange(oauthOf("github"), "access_token=gho_1&scope=repo");
  assert.deepEqual([form.change.contents.fields["oauth_access_token"], form.change.expireTimeMs], ["gho_1", null]);
});

test("a refresh keeps the old refresh token when the provider sends none", async () => {
  const grant: Grant = { type: "refresh_token", refreshToken: "old" };
  const same = await exchange(oauthOf("google"), { access_token: "t", expires_in: 3599 }, { grant });
  assert.equal(same.change.contents.refreshToken, "old");
  const rotated = await exchange(oauthOf("google"), { access_token: "t", refresh_token: "new" }, { grant });
  assert.equal(rotated.change.contents.refreshToken, "new");
});

test("a refusal says what it is, by code alone, also where it comes as 200", async () => {
  const cases: [unknown, number, string, string, string?][] = [
    [{ error: "invalid_grant", error_description: "leaks old" }, 400, "GRANT_REFUSED", "invalid_grant", "true"],
    [{ error: "bad_verification_code" }, 200, "GRANT_REFUSED", "bad_verification_code", "true"],
    [{ ok: false, error: "invalid_refresh_token" }, 200, "GRANT_REFUSED", "invalid_refresh_token", "true"],
    [{ error: "invalid_scope" }, 400, "GRANT_REFUSED", "invalid_scope", "false"],
    [{ error: "invalid_client" }, 401, "CLIENT_REFUSED", "invalid_client"],
    ["<html>gateway</html>", 502, "PROVIDER_UNAVAILABLE", "the provider gave no token (HTTP 502)"],
    [
      { error: "temporarily_unavailable" },
      503,
      "PROVIDER_UNAVAILABLE",
      "the provider gave no token (temporarily_unavailable)",
    ],
    [{ access_token: "" }, 200, "PROVIDER_UNAVAILABLE", "the provider gave no token (HTTP 200)"],
    [{ error: "what did you send: se:cret/+" }, 400, "PROVIDER_UNAVAILABLE", "the provider gave no token (HTTP 400)"],
  ];
  for (const [body, status, reason, message, final] of cases) {
    const expected = { reason, message, ...(final !== undefined && { metadata: { final } }) };
    await assert.rejects(exchange(oauthOf("google"), body, { status }), expected, JSON.stringify(body));
  }
});

test("scopes of the account win over those of the app", async () => {
  const definition = { name: "m", auth: "client_credentials", oauth: { tokenUrl: "https://x/t", scopes: ["a", "b"] } };
  const { oauth } = parseAppDefinition(definition);
  const grant: Grant = { type: "client_credentials" };
  const own = await exchange(oauth!, { access_token: "t" }, { grant });
  assert.equal(new URLSearchParams(own.asked.body).get("scope"), "a b");
  const given = await exchange(oauth!, { access_token: "t" }, { grant, scopes: ["c"] });
  assert.equal(new URLSearchParams(given.asked.body).get("scope"), "c");
});
