/** How an account was connected: with fields that somebody knew, or by OAuth. */
export type AccountKind = "key" | "oauth";

/** Whether an account can be used: not yet connected, connected, or refused by its provider for good. */
export type AccountState = "PENDING" | "CONNECTED" | "DEAD";

/** A field of an account, without its value. */
export interface AccountField {
  readonly name: string;
  /** Masked in logs. */
  readonly secret: boolean;
}

/** What an account holds, all of it encrypted. */
export interface AccountContents {
  /** What steps read below `$auth`. */
  readonly fields: Readonly<Record<string, string>>;
  /** Never given to steps. */
  readonly refreshToken: string;
  /** Scopes that were asked for; empty for the app's own. */
  readonly scopes: readonly string[];
}

/** A connected account as people may see it. */
export interface AccountRecord {
  readonly id: string;
  readonly projectId: string;
  /** Unique in the project. */
  readonly name: string;
  readonly app: string;
  readonly kind: AccountKind;
  readonly state: AccountState;
  /** Why it does not work; empty when it does. */
  readonly problem: string;
  readonly fields: readonly AccountField[];
  /** When its token stops to work; null when it does not. */
  readonly expireTimeMs: number | null;
  /** Raised by every change of what it holds. */
  readonly revision: number;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** An account with what it holds. */
export interface OpenAccount extends AccountRecord {
  readonly contents: AccountContents;
  /** Whether somebody refreshes its token now, or has just failed to, so that the next try has to wait. */
  readonly refresh: "idle" | "running" | "resting";
}

/** What an account shall hold from now on. */
export interface AccountChange {
  readonly contents: AccountContents;
  readonly fields: readonly AccountField[];
  readonly expireTimeMs: number | null;
}

/** A new account. */
export interface NewAccount extends AccountChange {
  readonly name: string;
  readonly app: string;
  readonly kind: AccountKind;
  readonly state: AccountState;
}

/** Why a refresh brought nothing. */
export interface RefreshFailure {
  /** Set when the account is dead. */
  readonly state?: AccountState;
  /** For people, without secrets. */
  readonly problem: string;
  /** Nobody tries again for so long. */
  readonly restMs: number;
}

/** What is remembered while a person is at the provider. */
export interface Authorization {
  readonly projectId: string;
  readonly accountName: string;
  /** What `begin` was given. */
  readonly secret: string;
}

/** Connected accounts of projects. */
export interface Accounts {
  /** `ACCOUNT_EXISTS`, `TOO_MANY_ACCOUNTS`. */
  create(projectId: string, account: NewAccount): Promise<AccountRecord>;
  /** Of one project, by name. */
  list(projectId: string): Promise<readonly AccountRecord[]>;
  /** `ACCOUNT_NOT_FOUND`. */
  get(projectId: string, name: string): Promise<AccountRecord>;
  /** With what it holds. `ACCOUNT_NOT_FOUND`, and what the vault throws. */
  open(projectId: string, name: string): Promise<OpenAccount>;
  /** `ACCOUNT_NOT_FOUND`. */
  delete(projectId: string, name: string): Promise<void>;
  /** It works from now on. False when it is gone. */
  connect(projectId: string, accountId: string, change: AccountChange): Promise<boolean>;
  /** Notes why it does not work; `DEAD` stays until somebody connects it anew. */
  fail(projectId: string, accountId: string, state: AccountState | undefined, problem: string): Promise<void>;
  /**
   * Takes the right to refresh an account that is still at this revision, for as long as given; false when somebody else has
   * it, or when the account was changed meanwhile.
   */
  beginRefresh(account: OpenAccount, holder: string, leaseMs: number): Promise<boolean>;
  /** Keeps what the refresh brought, and gives the right back. False when the right was lost: nothing is changed then. */
  finishRefresh(account: OpenAccount, holder: string, change: AccountChange): Promise<boolean>;
  /** Gives the right back without a token, for the next one after a rest; `state` when the account is dead. */
  abandonRefresh(account: OpenAccount, holder: string, failure: RefreshFailure): Promise<void>;
  /** Remembers an authorization under the hash of its state; earlier ones of the account no longer count. */
  beginAuthorization(account: AccountRecord, stateHash: Uint8Array, secret: string, lifeMs: number): Promise<void>;
  /** Reads what was remembered, and leaves it. Undefined when there is none, or when its time is over. */
  peekAuthorization(stateHash: Uint8Array): Promise<Authorization | undefined>;
  /** Takes what was remembered away: it works once. Undefined when there is none, or when its time is over. */
  takeAuthorization(stateHash: Uint8Array): Promise<Authorization | undefined>;
}

/** A project's own word about an app. */
export interface AppRecord {
  readonly name: string;
  /** JSON of a custom app, checked when it was set; undefined for a built-in one. */
  readonly definition: unknown;
  /** True when the project has an OAuth client for it. */
  readonly hasClient: boolean;
}

/** An OAuth client: what the provider knows this house by. */
export interface OauthClient {
  readonly id: string;
  /** Empty for a public client. */
  readonly secret: string;
}

/** Apps of projects: custom ones, and OAuth clients at those and at built-in ones. */
export interface Apps {
  list(projectId: string): Promise<readonly AppRecord[]>;
  /** Undefined when the project says nothing about the app. */
  get(projectId: string, name: string): Promise<AppRecord | undefined>;
  /** Makes or replaces a custom app, with or without the client that it had. `TOO_MANY_APPS`. */
  setDefinition(projectId: string, name: string, definition: object, keepClient: boolean): Promise<void>;
  setClient(projectId: string, name: string, client: OauthClient): Promise<void>;
  /** Undefined when there is none. */
  openClient(projectId: string, name: string): Promise<OauthClient | undefined>;
  /** Removes what the project says about an app. `APP_NOT_FOUND`; `APP_IN_USE` while it has accounts. */
  delete(projectId: string, name: string): Promise<void>;
}
