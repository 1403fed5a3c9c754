import { FIELD_NAME, isScope, parseAppDefinition, PlatformError, type AppDefinition } from "@millrace/core";
import type { accountApi } from "@millrace/protocol";
import type { AccountChange, AccountField, Accounts, Apps, NewAccount, OauthClient } from "@millrace/store";
import type { AccountAuthorizer } from "../accounts/account-authorizer.ts";
import { tryAccount } from "../accounts/account-test.ts";
import type { AccountTokens } from "../accounts/account-tokens.ts";
import { CUSTOM_APP, type AppDirectory, type ProjectApp } from "../accounts/app-directory.ts";
import { requestToken } from "../accounts/oauth-provider.ts";
import type { AskProvider } from "../accounts/provider-client.ts";
import { toAccountMessage, toAppMessage } from "./account-message.ts";
import type { ApiContext } from "./api-caller.ts";
import { durationOf } from "./durations.ts";
import { pageSizeOf } from "./paging.ts";
import { parseAccountName, parseAppName } from "./resource-names.ts";

const PAGE = { fallback: 100, max: 1000 };
const FIELDS_MAX = 32;
const SCOPES_MAX = 100;
const VALUE_BYTES_MAX = 64 * 1024;
/** All fields together: they travel in one answer. */
const VALUES_BYTES_MAX = 256 * 1024;
const CLIENT_LENGTH_MAX = 4_096;
const DEFINITION_BYTES_MAX = 64 * 1024;
const EMPTY = { refreshToken: "", scopes: [] as readonly string[] };

export interface AccountServiceOptions {
  readonly accounts: Accounts;
  readonly apps: Apps;
  readonly directory: AppDirectory;
  readonly authorizer: AccountAuthorizer;
  readonly tokens: AccountTokens;
  readonly ask: AskProvider;
}

/** `millrace.api.v1.AccountService`. */
export class AccountService {
  readonly #options: AccountServiceOptions;

  constructor(options: AccountServiceOptions) {
    this.#options = options;
  }

  async listApps(
    _request: accountApi.ListAppsRequest,
    { principal: caller }: ApiContext,
  ): Promise<accountApi.ListAppsResponse> {
    const apps = await this.#options.directory.list(caller.projectId);
    return { apps: apps.map((app) => this.#appMessage(app)) };
  }

  async setApp(request: accountApi.SetAppRequest, { principal: caller }: ApiContext): Promise<accountApi.App> {
    const definition = parseAppDefinition(parseJson(request.definitionJson));
    const { name } = definition;
    if (name === CUSTOM_APP.name) throw invalid("INVALID_APP", `${name} stands for what is no known app`);
    const isSame = await this.#asksTheSame(caller.projectId, definition);
    const kept = JSON.parse(request.definitionJson) as object;
    await this.#options.apps.setDefinition(caller.projectId, name, kept, isSame);
    return this.#appMessage(await this.#options.directory.get(caller.projectId, name));
  }

  async setAppClient(
    request: accountApi.SetAppClientRequest,
    { principal: caller }: ApiContext,
  ): Promise<accountApi.App> {
    const { apps, directory } = this.#options;
    const app = await directory.get(caller.projectId, parseAppName(request.name));
    await apps.setClient(caller.projectId, app.name, checkedClient(app, request));
    return this.#appMessage(await directory.get(caller.projectId, app.name));
  }

  async deleteApp(
    request: accountApi.DeleteAppRequest,
    { principal: caller }: ApiContext,
  ): Promise<Record<string, never>> {
    await this.#options.apps.delete(caller.projectId, parseAppName(request.name));
    return {};
  }

  async createAccount(
    request: accountApi.CreateAccountRequest,
    { principal: caller }: ApiContext,
  ): Promise<accountApi.Account> {
    const { accounts, directory } = this.#options;
    const name = parseAccountName(request.name);
    const app = await directory.get(caller.projectId, parseAppName(request.app));
    const scopes = checkedScopes(app, request);
    const isKey = request.fields.length > 0 || app.auth === "key";
    const made: Omit<NewAccount, "name" | "app"> = isKey
      ? { kind: "key", state: "CONNECTED", ...keyChange(app, request.fields) }
      : await this.#oauthAccount(caller.projectId, app, scopes);
    return toAccountMessage(await accounts.create(caller.projectId, { name, app: app.name, ...made }));
  }

  async authorizeAccount(
    request: accountApi.AuthorizeAccountRequest,
    { principal: caller }: ApiContext,
  ): Promise<accountApi.AuthorizeAccountResponse> {
    const { accounts, authorizer } = this.#options;
    const account = await accounts.get(caller.projectId, parseAccountName(request.name));
    const { url, lifeMs } = await authorizer.begin(account);
    return { url, life: durationOf(lifeMs) };
  }

  async updateAccount(
    request: accountApi.UpdateAccountRequest,
    { principal: caller }: ApiContext,
  ): Promise<accountApi.Account> {
    const { accounts, directory } = this.#options;
    const account = await accounts.get(caller.projectId, parseAccountName(request.name));
    if (account.kind !== "key") {
      const message = `"${account.name}" was connected by OAuth; authorize it anew instead`;
      throw new PlatformError("FailedPrecondition", "ACCOUNT_IS_OAUTH", message);
    }
    const app = await directory.get(caller.projectId, account.app);
    await accounts.connect(caller.projectId, account.id, keyChange(app, request.fields));
    return toAccountMessage(await accounts.get(caller.projectId, account.name));
  }

  async getAccount(
    request: accountApi.GetAccountRequest,
    { principal: caller }: ApiContext,
  ): Promise<accountApi.Account> {
    return toAccountMessage(await this.#options.accounts.get(caller.projectId, parseAccountName(request.name)));
  }

  async listAccounts(
    request: accountApi.ListAccountsRequest,
    { principal: caller }: ApiContext,
  ): Promise<accountApi.ListAccountsResponse> {
    const size = pageSizeOf(request.pageSize, PAGE);
    // The token is the last name of the page before, so that a change between two pages neither doubles nor skips others.
    const after = request.pageToken === "" ? "" : parseAccountName(request.pageToken);
    const all = [...(await this.#options.accounts.list(caller.projectId))];
    const rest = all.sort((a, b) => (a.name < b.name ? -1 : 1)).filter(({ name }) => name > after);
    const page = rest.slice(0, size);
    const nextPageToken = rest.length > size ? `accounts/${page.at(-1)!.name}` : "";
    return { accounts: page.map(toAccountMessage), nextPageToken };
  }

  async testAccount(
    request: accountApi.TestAccountRequest,
    { principal: caller }: ApiContext,
  ): Promise<accountApi.TestAccountResponse> {
    const { accounts, directory, tokens, ask } = this.#options;
    const { name } = await accounts.get(caller.projectId, parseAccountName(request.name));
    try {
      const { app, contents } = await tokens.get(caller.projectId, name);
      return await tryAccount(ask, await directory.get(caller.projectId, app), contents.fields);
    } catch (thrown) {
      if (!(thrown instanceof PlatformError) || thrown.kind === "Internal") throw thrown;
      return { ok: false, message: thrown.message, httpStatus: 0 };
    }
  }

  async deleteAccount(
    request: accountApi.DeleteAccountRequest,
    { principal: caller }: ApiContext,
  ): Promise<Record<string, never>> {
    await this.#options.accounts.delete(caller.projectId, parseAccountName(request.name));
    return {};
  }

  /**
   * Whether an app goes on asking whom it asked. If not, the client's secret and refresh tokens, which nobody can read,
   * would be sent to whoever defines the app: it loses its client, and there may be no accounts.
   */
  async #asksTheSame(projectId: string, app: AppDefinition): Promise<boolean> {
    const { accounts, directory } = this.#options;
    const before = (await directory.list(projectId)).find(({ name }) => name === app.name);
    if (before === undefined || before.oauth?.tokenUrl === app.oauth?.tokenUrl) return true;
    const user = (await accounts.list(projectId)).find(
      (account) => account.app === app.name && account.kind === "oauth",
    );
    if (user === undefined) return false;
    const message = `The account "${user.name}" has tokens of "${app.name}"; remove it before the app asks for them elsewhere`;
    throw new PlatformError("FailedPrecondition", "APP_IN_USE", message);
  }

  #appMessage(app: ProjectApp): accountApi.App {
    return toAppMessage(app, this.#options.authorizer.redirectUri);
  }

  /** Pending until a person has allowed it; with client credentials there is nobody to ask. */
  async #oauthAccount(
    projectId: string,
    app: ProjectApp,
    scopes: readonly string[],
  ): Promise<Omit<NewAccount, "name" | "app">> {
    const { directory, ask } = this.#options;
    const client = await directory.client(projectId, app.name);
    if (app.auth === "oauth" || app.oauth === undefined) {
      const contents = { fields: {}, refreshToken: "", scopes };
      return { kind: "oauth", state: "PENDING", contents, fields: [], expireTimeMs: null };
    }
    const grant = { type: "client_credentials" } as const;
    try {
      const change = await requestToken(ask, { oauth: app.oauth, client, grant, scopes }, Date.now());
      return { kind: "oauth", state: "CONNECTED", ...change };
    } catch (thrown) {
      if (!(thrown instanceof PlatformError) || thrown.kind !== "FailedPrecondition") throw thrown;
      const message = `The provider refuses the client: ${thrown.message}`;
      throw new PlatformError("FailedPrecondition", "ACCOUNT_REFUSED", message);
    }
  }
}

/** What an account is connected with by a person who has its keys. */
function keyChange(app: AppDefinition, given: readonly accountApi.AccountField[]): AccountChange {
  if (given.length === 0 || given.length > FIELDS_MAX) {
    throw invalid("INVALID_ACCOUNT", `an account has 1 to ${FIELDS_MAX} fields`);
  }
  const known = new Map(app.fields.map((field) => [field.name, field]));
  const fields: AccountField[] = [];
  const values: Record<string, string> = {};
  for (const { name, value, plain } of given) {
    if (!FIELD_NAME.test(name) || Object.hasOwn(values, name)) {
      throw invalid(
        "INVALID_ACCOUNT",
        `${JSON.stringify(name.slice(0, 100))} cannot be the name of a field, or is there twice`,
      );
    }
    if (value === "" || Buffer.byteLength(value) > VALUE_BYTES_MAX || !value.isWellFormed()) {
      throw invalid("INVALID_ACCOUNT", `the value of ${name} is empty, no text, or longer than 64 KiB`);
    }
    values[name] = value;
    fields.push({ name, secret: known.get(name)?.secret ?? !plain });
  }
  const bytes = Object.values(values).reduce((sum, value) => sum + Buffer.byteLength(value), 0);
  if (bytes > VALUES_BYTES_MAX) throw invalid("INVALID_ACCOUNT", "the fields have more than 256 KiB together");
  // An app with OAuth may be connected with a token of any kind that a person has.
  const missing = app.auth === "key" ? app.fields.filter(({ name, optional }) => !optional && !(name in values)) : [];
  if (missing.length > 0) {
    throw invalid("INVALID_ACCOUNT", `${app.title} needs ${missing.map(({ name }) => name).join(", ")}`);
  }
  return { contents: { fields: values, ...EMPTY }, fields, expireTimeMs: null };
}

function checkedScopes(app: AppDefinition, { scopes, fields }: accountApi.CreateAccountRequest): readonly string[] {
  const bad = scopes.find((scope) => !isScope(scope));
  if (bad !== undefined || scopes.length > SCOPES_MAX) throw invalid("INVALID_ACCOUNT", "these are no scopes");
  if (scopes.length > 0 && (app.auth === "key" || fields.length > 0)) {
    throw invalid("INVALID_ACCOUNT", "only OAuth asks for scopes");
  }
  return scopes;
}

function checkedClient(app: AppDefinition, request: accountApi.SetAppClientRequest): OauthClient {
  const { clientId: id, clientSecret: secret } = request;
  if (app.auth === "key") throw invalid("INVALID_CLIENT", `${app.title} has no OAuth`);
  const isText = (text: string): boolean =>
    text.length <= CLIENT_LENGTH_MAX && !/\p{Cc}/u.test(text) && text.isWellFormed();
  if (id === "" || !isText(id) || !isText(secret)) throw invalid("INVALID_CLIENT", "a client has an id and a secret");
  return { id, secret };
}

function parseJson(text: string): unknown {
  if (Buffer.byteLength(text) > DEFINITION_BYTES_MAX)
    throw invalid("INVALID_APP", "the definition is larger than 64 KiB");
  try {
    return JSON.parse(text);
  } catch {
    throw invalid("INVALID_APP", "the definition is not JSON");
  }
}

function invalid(reason: string, message: string): PlatformError {
  return new PlatformError("InvalidArgument", reason, message);
}
