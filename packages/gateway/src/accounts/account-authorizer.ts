import { createHash, randomBytes } from "node:crypto";
import { coerceError, PlatformError, type AppOauth } from "@millrace/core";
import type { AccountRecord, Accounts, OauthClient } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";
import type { AppDirectory, ProjectApp } from "./app-directory.ts";
import { requestToken } from "./oauth-provider.ts";
import type { AskProvider } from "./provider-client.ts";

export interface AccountAuthorizerOptions {
  readonly accounts: Accounts;
  readonly apps: AppDirectory;
  readonly ask: AskProvider;
  /** How long a person has. */
  readonly lifeMs: number;
  readonly publicUrl: () => string;
  readonly log: Logger;
}

/** What a person is asked to allow. */
export interface PendingAuthorization {
  readonly account: string;
  readonly app: string;
  /** The provider's page. */
  readonly url: string;
  /** What the browser has to show when it comes back. */
  readonly proof: string;
}

/** How an authorization ended. */
export interface FinishedAuthorization {
  readonly account: string;
  readonly app: string;
  /** Empty when the account is connected. */
  readonly problem: string;
}

/** Authorization code with PKCE and state. The state works once, for a while, and in the browser that began. */
export class AccountAuthorizer {
  readonly #options: AccountAuthorizerOptions;

  constructor(options: AccountAuthorizerOptions) {
    this.#options = options;
  }

  /** Where the provider sends people back to. */
  get redirectUri(): string {
    return `${this.#options.publicUrl()}/oauth/callback`;
  }

  /** Begins; returns the address of this house that a person opens. `APP_CLIENT_MISSING`, `ACCOUNT_NOT_OAUTH`. */
  async begin(account: AccountRecord): Promise<{ url: string; lifeMs: number }> {
    const { accounts, lifeMs, publicUrl } = this.#options;
    await this.#appOf(account);
    const [state, verifier] = [randomText(), randomText()];
    await accounts.beginAuthorization(account, hashOf(state), verifier, lifeMs);
    return { url: `${publicUrl()}/oauth/start?state=${state}`, lifeMs };
  }

  /** What the page before the provider's needs. Undefined when the state is unknown or over. */
  async pending(state: string): Promise<PendingAuthorization | undefined> {
    const { accounts } = this.#options;
    const authorization = await accounts.peekAuthorization(hashOf(state));
    if (authorization === undefined) return undefined;
    const account = await accounts.open(authorization.projectId, authorization.accountName);
    const { app, oauth, client } = await this.#appOf(account);
    const { scopes } = account.contents;
    return {
      account: account.name,
      app: app.title,
      url: this.#providerUrl({ oauth, client, scopes, state, verifier: authorization.secret }),
      proof: proofOf(state),
    };
  }

  /** The browser is back. Undefined when the state is unknown, over, or was begun in another browser. */
  async finish(
    state: string,
    proof: string | undefined,
    said: { code: string | undefined; error: string | undefined },
  ): Promise<FinishedAuthorization | undefined> {
    const { accounts } = this.#options;
    if (proof !== proofOf(state)) return undefined;
    const authorization = await accounts.takeAuthorization(hashOf(state));
    if (authorization === undefined) return undefined;
    const account = await accounts.get(authorization.projectId, authorization.accountName);
    const done = { account: account.name, app: account.app };
    try {
      await this.#connect(account, authorization.secret, said);
      return { ...done, problem: "" };
    } catch (thrown) {
      const error = coerceError(thrown);
      this.#options.log.warn("account.not_connected", { account: account.id, reason: error.reason });
      await accounts.fail(account.projectId, account.id, undefined, error.message);
      return { ...done, problem: error.message };
    }
  }

  async #connect(
    account: AccountRecord,
    verifier: string,
    { code, error }: { code: string | undefined; error: string | undefined },
  ): Promise<void> {
    const { accounts, ask, log } = this.#options;
    if (code === undefined || code === "") {
      const why = error !== undefined && /^[\w.-]{1,60}$/.test(error) ? error : "no code";
      throw new PlatformError("FailedPrecondition", "ACCOUNT_REFUSED", `it was not allowed at the provider (${why})`);
    }
    const { oauth, client } = await this.#appOf(account);
    const { scopes } = (await accounts.open(account.projectId, account.name)).contents;
    const grant = { type: "authorization_code", code, verifier, redirectUri: this.redirectUri } as const;
    const change = await requestToken(ask, { oauth, client, grant, scopes }, Date.now());
    await accounts.connect(account.projectId, account.id, change);
    log.info("account.connected", { account: account.id });
  }

  async #appOf(account: AccountRecord): Promise<{ app: ProjectApp; oauth: AppOauth; client: OauthClient }> {
    const { apps } = this.#options;
    const app = await apps.get(account.projectId, account.app);
    if (account.kind !== "oauth" || app.auth !== "oauth" || app.oauth === undefined) {
      const message = `The account "${account.name}" was not connected by authorizing it; set its fields instead`;
      throw new PlatformError("FailedPrecondition", "ACCOUNT_NOT_OAUTH", message);
    }
    return { app, oauth: app.oauth, client: await apps.client(account.projectId, account.app) };
  }

  #providerUrl(given: {
    oauth: AppOauth;
    client: OauthClient;
    scopes: readonly string[];
    state: string;
    verifier: string;
  }): string {
    const { oauth, client, scopes, state, verifier } = given;
    const url = new URL(oauth.authorizationUrl);
    const scope = (scopes.length > 0 ? scopes : oauth.scopes).join(oauth.scopeSeparator);
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    const parameters = {
      ...oauth.authorizationParams,
      response_type: "code",
      client_id: client.id,
      redirect_uri: this.redirectUri,
      state,
      ...(scope !== "" && { scope }),
      ...(oauth.pkce && { code_challenge: challenge, code_challenge_method: "S256" }),
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url.href;
  }
}

function randomText(): string {
  return randomBytes(32).toString("base64url");
}

function hashOf(state: string): Buffer {
  return createHash("sha256").update(state).digest();
}

/** Kept as a cookie: who was only sent the provider's address has not got it. */
function proofOf(state: string): string {
  return createHash("sha256").update(`browser ${state}`).digest("base64url");
}
