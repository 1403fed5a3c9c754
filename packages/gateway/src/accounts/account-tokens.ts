import { randomUUID } from "node:crypto";
import { coerceError, PlatformError } from "@millrace/core";
import type { AccountChange, Accounts, OpenAccount } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";
import type { AppDirectory, ProjectApp } from "./app-directory.ts";
import { requestToken, type Grant } from "./oauth-provider.ts";
import type { AskProvider } from "./provider-client.ts";

export interface AccountTokensOptions {
  readonly accounts: Accounts;
  readonly apps: AppDirectory;
  readonly ask: AskProvider;
  /** A token that lives shorter than this is refreshed before it is given out. */
  readonly freshMs: number;
  /** For one request to a provider; others wait a little longer for it. */
  readonly timeoutMs: number;
  readonly log: Logger;
}

/** After a failure that may pass. */
const REST_MS = 5_000;
const LOOK_FIRST_MS = 50;
const LOOK_MAX_MS = 500;
/** What a token that still works is held back for a refresh that somebody else has begun. */
const PATIENCE_MS = 3_000;
/** A provider that rotates refresh tokens has given the new one only once: keeping it is tried for this long. */
const KEEP_MS = 60_000;

/**
 * Accounts with a token that works. Of all gateways one refreshes an account at a time: the right to do so is taken in its
 * row, for a limited time, and no transaction is open while the provider is asked.
 */
export class AccountTokens {
  readonly #options: AccountTokensOptions;
  readonly #flights = new Map<string, Promise<OpenAccount>>();

  constructor(options: AccountTokensOptions) {
    this.#options = options;
  }

  /**
   * An account, fresh enough to be used.
   *
   * @throws PlatformError `ACCOUNT_NOT_FOUND`, `ACCOUNT_NOT_CONNECTED`, `ACCOUNT_DEAD`, `ACCOUNT_REFUSED`, `PROVIDER_UNAVAILABLE`
   */
  async get(projectId: string, name: string): Promise<OpenAccount> {
    const account = await this.#options.accounts.open(projectId, name);
    assertUsable(account);
    if (this.#isFresh(account)) return account;
    const key = `${account.id} ${account.revision}`;
    const running = this.#flights.get(key);
    if (running !== undefined) return running;
    const flight = this.#freshen(account).finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }

  #isFresh({ expireTimeMs }: OpenAccount): boolean {
    return expireTimeMs === null || expireTimeMs - Date.now() > this.#options.freshMs;
  }

  async #freshen(first: OpenAccount): Promise<OpenAccount> {
    const { accounts, apps, timeoutMs } = this.#options;
    const app = await apps.get(first.projectId, first.app);
    const grant = grantOf(app, first);
    if (grant === undefined) return this.#withoutRefresh(first);
    const start = performance.now();
    let account = first;
    for (let pauseMs = LOOK_FIRST_MS; ; pauseMs = Math.min(pauseMs * 2, LOOK_MAX_MS)) {
      if (this.#isFresh(account)) return account;
      if (account.refresh === "resting") return orWhenItWorks(account, unavailable(account));
      const holder = randomUUID();
      // The provider's answer and one try to keep it fit in; whoever finds the lease over takes the right.
      const taken = await accounts.beginRefresh(account, holder, timeoutMs + REST_MS);
      if (taken) return await this.#refresh(account, app, holder);
      const waitedMs = performance.now() - start;
      if (waitedMs > PATIENCE_MS && works(account)) return account;
      if (waitedMs > timeoutMs + 2 * REST_MS) throw unavailable(account);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      account = await accounts.open(first.projectId, first.name);
      assertUsable(account);
    }
  }

  /** Nothing can be refreshed: the token is used as long as it works. */
  async #withoutRefresh(account: OpenAccount): Promise<OpenAccount> {
    if (works(account)) return account;
    const problem = "its token has expired, and the provider gave none to refresh it with";
    await this.#options.accounts.fail(account.projectId, account.id, "DEAD", problem);
    throw dead(account, problem);
  }

  async #refresh(account: OpenAccount, app: ProjectApp, holder: string): Promise<OpenAccount> {
    const { accounts, apps, ask, log } = this.#options;
    try {
      const client = await apps.client(account.projectId, account.app);
      const { scopes } = account.contents;
      const grant = grantOf(app, account)!;
      const change = await requestToken(ask, { oauth: app.oauth!, client, grant, scopes }, Date.now());
      await this.#keep(account, holder, merged(account, change));
      log.info("account.refreshed", { account: account.id });
    } catch (thrown) {
      return await this.#failed(account, holder, coerceError(thrown));
    }
    const now = await accounts.open(account.projectId, account.name);
    assertUsable(now);
    return now;
  }

  /** What somebody else has changed meanwhile is newer, and stays. */
  async #keep(account: OpenAccount, holder: string, change: AccountChange): Promise<void> {
    const end = performance.now() + KEEP_MS;
    for (let pauseMs = LOOK_FIRST_MS; ; pauseMs = Math.min(pauseMs * 2, LOOK_MAX_MS)) {
      try {
        await this.#options.accounts.finishRefresh(account, holder, change);
        return;
      } catch (thrown) {
        if (coerceError(thrown).kind !== "Unavailable" || performance.now() > end) throw thrown;
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #failed(account: OpenAccount, holder: string, error: PlatformError): Promise<OpenAccount> {
    const { accounts, log } = this.#options;
    const isDead = error.reason === "GRANT_REFUSED" && error.metadata["final"] === "true";
    log.warn("account.not_refreshed", { account: account.id, reason: error.reason, dead: isDead });
    const problem = isDead
      ? `the provider refused to refresh its token (${error.message})`
      : error.reason === "CLIENT_REFUSED"
        ? `the provider refused this house's OAuth client (${error.message})`
        : error.message;
    await accounts.abandonRefresh(account, holder, { ...(isDead && { state: "DEAD" }), problem, restMs: REST_MS });
    if (isDead) throw dead(account, problem);
    const told =
      error.kind === "Unavailable"
        ? unavailable({ ...account, problem })
        : new PlatformError("FailedPrecondition", "ACCOUNT_REFUSED", `The account "${account.name}": ${problem}`);
    return orWhenItWorks(account, told);
  }
}

function works({ expireTimeMs }: OpenAccount): boolean {
  return expireTimeMs === null || expireTimeMs > Date.now();
}

function orWhenItWorks(account: OpenAccount, error: PlatformError): OpenAccount {
  if (works(account)) return account;
  throw error;
}

/** What a token can be had for now; undefined for nothing. */
function grantOf({ auth }: ProjectApp, { contents }: OpenAccount): Grant | undefined {
  if (auth === "client_credentials") return { type: "client_credentials" };
  if (contents.refreshToken === "" || auth !== "oauth") return undefined;
  return { type: "refresh_token", refreshToken: contents.refreshToken };
}

/** Fields that only the first answer had stay. */
function merged({ contents, fields }: OpenAccount, change: AccountChange): AccountChange {
  const names = new Set(change.fields.map(({ name }) => name));
  return {
    ...change,
    contents: { ...change.contents, fields: { ...contents.fields, ...change.contents.fields } },
    fields: [...change.fields, ...fields.filter(({ name }) => !names.has(name))],
  };
}

function assertUsable(account: OpenAccount): void {
  if (account.state === "DEAD") throw dead(account, account.problem);
  if (account.state === "CONNECTED") return;
  const message = `The account "${account.name}" is not connected yet; "millrace account reconnect ${account.name}" does it`;
  throw new PlatformError("FailedPrecondition", "ACCOUNT_NOT_CONNECTED", message);
}

function dead({ name }: OpenAccount, problem: string): PlatformError {
  const message = `The account "${name}" must be connected anew: ${problem}; "millrace account reconnect ${name}" does it`;
  return new PlatformError("FailedPrecondition", "ACCOUNT_DEAD", message);
}

function unavailable({ name, problem }: OpenAccount): PlatformError {
  const why = problem === "" ? "its token is being refreshed" : problem;
  const message = `The account "${name}" has no token that works at the moment: ${why}`;
  return new PlatformError("Unavailable", "PROVIDER_UNAVAILABLE", message);
}
