import { PlatformError, TOKEN_FIELD, type AppOauth } from "@millrace/core";
import type { AccountChange, OauthClient } from "@millrace/store";
import type { AskProvider } from "./provider-client.ts";

/** What a provider has given. */
export type Grant =
  | {
      readonly type: "authorization_code";
      readonly code: string;
      readonly verifier: string;
      readonly redirectUri: string;
    }
  | { readonly type: "refresh_token"; readonly refreshToken: string }
  | { readonly type: "client_credentials" };

/** What a token request is made of. */
export interface TokenRequest {
  readonly oauth: AppOauth;
  readonly client: OauthClient;
  readonly grant: Grant;
  /** Scopes to ask for; empty for the app's own. */
  readonly scopes: readonly string[];
}

/** Errors of RFC 6749 (and the names that Slack and GitHub have for them) after which no other try with this grant helps. */
const FINAL = new Set([
  "invalid_grant",
  "unauthorized_client",
  "access_denied",
  "bad_refresh_token",
  "invalid_refresh_token",
  "token_revoked",
  "token_expired",
  "invalid_code",
  "bad_verification_code",
]);
const LIFE_MAX_S = 10 * 365 * 86_400;
const TEXT_MAX = 64 * 1024;

/**
 * Asks a provider for a token.
 *
 * @throws PlatformError `GRANT_REFUSED` when the provider refuses for good, `CLIENT_REFUSED` when it does not know the client,
 * `PROVIDER_UNAVAILABLE` for everything that may pass
 */
export async function requestToken(ask: AskProvider, request: TokenRequest, nowMs: number): Promise<AccountChange> {
  const { oauth, client, grant } = request;
  const parameters = { ...oauth.tokenParams, ...grantParameters(request), ...clientParameters(oauth, client) };
  const isJson = oauth.requestFormat === "json";
  const answer = await ask({
    method: "POST",
    url: oauth.tokenUrl,
    headers: {
      "content-type": isJson ? "application/json" : "application/x-www-form-urlencoded",
      ...(oauth.clientAuth === "basic" && client.secret !== "" && { authorization: basic(client) }),
    },
    body: isJson ? JSON.stringify(parameters) : new URLSearchParams(parameters).toString(),
  });
  const fields = readFields(answer.body);
  const token = pick(fields, oauth.tokenPath);
  if (answer.status < 200 || answer.status > 299 || token === undefined) throw refused(answer.status, fields);
  return toChange(request, fields, token, nowMs, grant);
}

function grantParameters({ oauth, grant, scopes }: TokenRequest): Record<string, string> {
  switch (grant.type) {
    case "authorization_code": {
      const { code, verifier, redirectUri } = grant;
      const base = { grant_type: grant.type, code, redirect_uri: redirectUri };
      return oauth.pkce ? { ...base, code_verifier: verifier } : base;
    }
    case "refresh_token":
      return { grant_type: grant.type, refresh_token: grant.refreshToken };
    case "client_credentials": {
      const wanted = scopes.length > 0 ? scopes : oauth.scopes;
      const scope = wanted.join(oauth.scopeSeparator);
      return { grant_type: grant.type, ...(scope !== "" && { scope }) };
    }
  }
}

function clientParameters({ clientAuth }: AppOauth, { id, secret }: OauthClient): Record<string, string> {
  // A public client has no secret to prove itself with, and names itself in the body.
  if (secret === "") return { client_id: id };
  return clientAuth === "body" ? { client_id: id, client_secret: secret } : {};
}

/** RFC 6749 asks for form encoding of both parts. */
function basic({ id, secret }: OauthClient): string {
  const encode = (text: string): string => new URLSearchParams({ t: text }).toString().slice(2);
  return `Basic ${Buffer.from(`${encode(id)}:${encode(secret)}`).toString("base64")}`;
}

/** Some answer in a form, whatever is asked for. */
function readFields(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return Object.fromEntries(new URLSearchParams(body));
  }
}

/** A text or number at a path of an answer. */
function pick(fields: unknown, path: string): string | undefined {
  let value = fields;
  for (const name of path.split(".")) {
    value = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  }
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" && value.length <= TEXT_MAX ? value : undefined;
}

function toChange(
  { oauth, client, scopes }: TokenRequest,
  fields: unknown,
  token: string,
  nowMs: number,
  grant: Grant,
): AccountChange {
  const extra = Object.entries(oauth.extraFields).flatMap(([name, path]): [string, string][] => {
    const value = pick(fields, path);
    return value === undefined ? [] : [[name, value]];
  });
  // A provider that rotates refresh tokens sends a new one; one that does not sends none.
  const kept = grant.type === "refresh_token" ? grant.refreshToken : "";
  const lifeS = Math.min(Number(pick(fields, "expires_in") ?? Number.NaN), LIFE_MAX_S);
  return {
    contents: {
      fields: { oauth_client_id: client.id, ...Object.fromEntries(extra), [TOKEN_FIELD]: token },
      refreshToken: pick(fields, "refresh_token") ?? kept,
      scopes,
    },
    fields: [
      { name: TOKEN_FIELD, secret: true },
      ...["oauth_client_id", ...extra.map(([name]) => name)].map((name) => ({ name, secret: false })),
    ],
    expireTimeMs: lifeS > 0 ? nowMs + lifeS * 1000 : null,
  };
}

/** Only the provider's error code is passed on: descriptions may repeat what was sent. */
function refused(status: number, fields: unknown): PlatformError {
  const said = pick(fields, "error");
  const code = said !== undefined && /^[\w.-]{1,60}$/.test(said) ? said : `HTTP ${status}`;
  const isFinal = FINAL.has(code);
  if (isFinal || code === "invalid_request" || code === "invalid_scope" || code === "unsupported_grant_type") {
    return new PlatformError("FailedPrecondition", "GRANT_REFUSED", code, { metadata: { final: String(isFinal) } });
  }
  if (
    code === "invalid_client" ||
    code === "incorrect_client_credentials" ||
    code === "bad_client_secret" ||
    status === 401
  )
    return new PlatformError("FailedPrecondition", "CLIENT_REFUSED", code);
  return new PlatformError("Unavailable", "PROVIDER_UNAVAILABLE", `the provider gave no token (${code})`);
}
