import { accountApi } from "@millrace/protocol";
import type { AccountRecord } from "@millrace/store";
import type { ProjectApp } from "../accounts/app-directory.ts";

const { AccountState, AppAuth } = accountApi;

const AUTHS = {
  key: AppAuth.KEY,
  oauth: AppAuth.OAUTH,
  client_credentials: AppAuth.CLIENT_CREDENTIALS,
} as const;

const STATES = {
  PENDING: AccountState.PENDING,
  CONNECTED: AccountState.CONNECTED,
  DEAD: AccountState.DEAD,
} as const;

/** An app as the API shows it. */
export function toAppMessage(app: ProjectApp, redirectUri: string): accountApi.App {
  return {
    name: `apps/${app.name}`,
    title: app.title,
    auth: AUTHS[app.auth],
    fields: app.fields.map((field) => ({ ...field })),
    scopes: [...(app.oauth?.scopes ?? [])],
    custom: app.custom,
    clientSet: app.hasClient,
    setupUrl: app.setupUrl,
    redirectUri: app.auth === "oauth" ? redirectUri : "",
  };
}

/** An account as the API shows it: the names of its fields, and none of their values. */
export function toAccountMessage(account: AccountRecord): accountApi.Account {
  return {
    name: `accounts/${account.name}`,
    app: `apps/${account.app}`,
    state: STATES[account.state],
    problem: account.problem,
    fieldNames: account.fields.map(({ name }) => name),
    oauth: account.kind === "oauth",
    expireTime: account.expireTimeMs === null ? undefined : new Date(account.expireTimeMs),
    createTime: new Date(account.createTimeMs),
    updateTime: new Date(account.updateTimeMs),
  };
}
