import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { coerceError, PlatformError } from "@millrace/core";
import { accountApi } from "@millrace/protocol";
import { parse as parseYaml } from "yaml";
import type { ApiClient } from "../api-client.ts";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";
import { exitCode } from "../exit-code.ts";
import { lastPart, timeText } from "../output/run-document.ts";
import { table } from "../output/table.ts";
import { readStdin } from "../read-stdin.ts";
import { namesFields, readFields, type FieldOptions } from "./account-fields.ts";

const PAGE_SIZE = 1_000;
const SECRET_BYTES_MAX = 8 * 1024;
const LOOK_MS = 1_000;

const { AccountState, AppAuth } = accountApi;
const STATES: Readonly<Record<number, string>> = {
  [AccountState.PENDING]: "PENDING",
  [AccountState.CONNECTED]: "CONNECTED",
  [AccountState.DEAD]: "DEAD",
};
const AUTHS: Readonly<Record<number, string>> = {
  [AppAuth.KEY]: "key",
  [AppAuth.OAUTH]: "oauth",
  [AppAuth.CLIENT_CREDENTIALS]: "client credentials",
};

/** How an account is added. */
export interface AddOptions extends FieldOptions {
  readonly scope: readonly string[];
  readonly wait: boolean;
}

/** Connects an account: with fields at once; by OAuth once a person has allowed it in a browser. */
export function accountAdd(
  context: CommandContext,
  app: string,
  name: string,
  options: AddOptions,
): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const known = await findApp(client, app);
    const isKey = known.auth === AppAuth.KEY || namesFields(options);
    const fields = isKey ? await readFields(known, options) : [];
    const names = { name: `accounts/${name}`, app: `apps/${app}` };
    const account = await client.accounts.createAccount({ ...names, fields, scopes: [...options.scope] });
    return account.state === AccountState.CONNECTED
      ? connected(account)
      : authorize(context, client, name, options.wait);
  });
}

/** Has a person allow an account anew. */
export function accountReconnect(
  context: CommandContext,
  name: string,
  options: { wait: boolean },
): Promise<CommandResult> {
  return withHouse(context, (client) => authorize(context, client, name, options.wait));
}

/** Replaces the fields of an account. */
export function accountUpdate(context: CommandContext, name: string, options: FieldOptions): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const account = await client.accounts.getAccount({ name: `accounts/${name}` });
    const fields = await readFields(await findApp(client, lastPart(account.app)), options);
    const updated = await client.accounts.updateAccount({ name: account.name, fields });
    return { json: accountDocument(updated), text: `${name} has new fields; steps that start from now on see them` };
  });
}

/** Lists the accounts. */
export function accountList(context: CommandContext): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const found: accountApi.Account[] = [];
    let pageToken = "";
    do {
      const page = await client.accounts.listAccounts({ pageSize: PAGE_SIZE, pageToken });
      found.push(...page.accounts);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    const rows = found.map(({ name, app, state, fieldNames, problem }) => [
      ...[lastPart(name), lastPart(app), STATES[state] ?? "", fieldNames.join(", ")],
      problem,
    ]);
    const text =
      found.length === 0
        ? 'No accounts. "millrace account add APP NAME" connects one, "millrace account apps" lists the apps.'
        : table(["NAME", "APP", "STATE", "FIELDS", "PROBLEM"], rows);
    return { json: found.map(accountDocument), text };
  });
}

/** Tries an account at its provider. */
export function accountTest(context: CommandContext, name: string): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const { ok, message, httpStatus } = await client.accounts.testAccount({ name: `accounts/${name}` });
    const text = `${name}: ${message}`;
    return { json: { name, ok, message, httpStatus }, text, exitCode: ok ? exitCode.ok : exitCode.wrongState };
  });
}

/** Deletes an account. */
export function accountRemove(context: CommandContext, name: string): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    await client.accounts.deleteAccount({ name: `accounts/${name}` });
    return { json: { removed: name }, text: `${name} is removed; its provider was not told` };
  });
}

/** Lists the apps that accounts can be of. */
export function accountApps(context: CommandContext): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const { apps } = await client.accounts.listApps({});
    const rows = apps.map(({ name, title, auth, fields, clientSet, custom }) => [
      ...[lastPart(name), title, AUTHS[auth] ?? "", fields.map((field) => field.name).join(", ")],
      [custom ? "custom" : "", clientSet ? "client set" : ""].filter(Boolean).join(", "),
    ]);
    return { json: apps.map(appDocument), text: table(["APP", "TITLE", "AUTH", "FIELDS", ""], rows) };
  });
}

/** Sets a custom app from a file in YAML or JSON. */
export function accountApp(context: CommandContext, file: string): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const app = await client.accounts.setApp({ definitionJson: JSON.stringify(readDefinition(file)) });
    return { json: appDocument(app), text: `${lastPart(app.name)} is an app of this project${redirectText(app)}` };
  });
}

/** Deletes a custom app, and an OAuth client. */
export function accountRemoveApp(context: CommandContext, app: string): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    await client.accounts.deleteApp({ name: `apps/${app}` });
    return { json: { removed: app }, text: `${app} is removed` };
  });
}

/** Sets the OAuth client that an app's provider has given out; its secret comes from stdin. */
export async function accountClient(
  context: CommandContext,
  app: string,
  options: { id: string; public: boolean },
): Promise<CommandResult> {
  const clientSecret = options.public ? "" : (await readStdin(SECRET_BYTES_MAX)).replace(/\r?\n$/, "");
  if (!options.public && clientSecret === "") {
    const message = "Pipe the client's secret in, or say --public when it has none.";
    throw new PlatformError("InvalidArgument", "VALUE_MISSING", message);
  }
  return withHouse(context, async (client) => {
    const set = await client.accounts.setAppClient({ name: `apps/${app}`, clientId: options.id, clientSecret });
    return { json: appDocument(set), text: `${app} has its client${redirectText(set)}` };
  });
}

async function findApp(client: ApiClient, name: string): Promise<accountApi.App> {
  const { apps } = await client.accounts.listApps({});
  const app = apps.find((candidate) => candidate.name === `apps/${name}`);
  if (app !== undefined) return app;
  const message = `There is no app ${JSON.stringify(name)}; "millrace account apps" lists those there are.`;
  throw new PlatformError("NotFound", "APP_NOT_FOUND", message);
}

async function authorize(
  context: CommandContext,
  client: ApiClient,
  name: string,
  wait: boolean,
): Promise<CommandResult> {
  const { url, life } = await client.accounts.authorizeAccount({ name: `accounts/${name}` });
  const before = await client.accounts.getAccount({ name: `accounts/${name}` });
  if (!wait) return { json: { ...accountDocument(before), authorizationUrl: url }, text: `Open this page:\n${url}` };
  process.stderr.write(`Open this page to allow it:\n${url}\n`);
  if (process.stdout.isTTY && !context.json) openBrowser(url);
  const end = performance.now() + (life?.seconds ?? 0) * 1000;
  while (performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const account = await client.accounts.getAccount({ name: `accounts/${name}` });
    const isNew = account.updateTime?.getTime() !== before.updateTime?.getTime();
    if (account.state === AccountState.CONNECTED && isNew) return connected(account);
    if (account.problem !== "" && account.problem !== before.problem) {
      throw new PlatformError("FailedPrecondition", "ACCOUNT_REFUSED", `${name} is not connected: ${account.problem}`);
    }
  }
  const message = `Nobody has allowed it in time; "millrace account reconnect ${name}" begins again.`;
  throw new PlatformError("DeadlineExceeded", "AUTHORIZATION_OVER", message);
}

/** Where no browser can be opened, the address stands on the screen. */
function openBrowser(url: string): void {
  const command = process.platform === "darwin" ? "open" : "xdg-open";
  const child = spawn(command, [url], { stdio: "ignore", detached: true });
  child.on("error", () => undefined);
  child.unref();
}

function connected(account: accountApi.Account): CommandResult {
  const name = lastPart(account.name);
  const text = `${name} is connected; steps use it with "inputs: {${lastPart(account.app)}: {account: ${name}}}"`;
  return { json: accountDocument(account), text };
}

function readDefinition(file: string): unknown {
  try {
    return parseYaml(readFileSync(file, "utf8"));
  } catch (thrown) {
    const message = `${file} cannot be read: ${coerceError(thrown).message}`;
    throw new PlatformError("InvalidArgument", "INVALID_APP", message, { cause: thrown });
  }
}

function redirectText({ redirectUri }: accountApi.App): string {
  return redirectUri === "" ? "" : `; its redirect address at the provider is ${redirectUri}`;
}

function accountDocument(account: accountApi.Account): Record<string, unknown> {
  const { name, app, state, problem, fieldNames, oauth, expireTime, createTime, updateTime } = account;
  return {
    name: lastPart(name),
    app: lastPart(app),
    state: STATES[state] ?? "UNKNOWN",
    problem,
    fields: fieldNames,
    oauth,
    expireTime: timeText(expireTime),
    createTime: timeText(createTime),
    updateTime: timeText(updateTime),
  };
}

function appDocument(app: accountApi.App): Record<string, unknown> {
  const { name, auth, clientSet, ...rest } = app;
  return { name: lastPart(name), ...rest, auth: AUTHS[auth] ?? "unknown", clientSet };
}
