import { PlatformError } from "../errors.ts";
import { describe, FieldReader, type DefinitionProblem, type TextRule } from "../workflow/field-reader.ts";

/** How accounts of an app are connected. */
export type AppAuth = "key" | "oauth" | "client_credentials";

/** A field that an account of an app has when a person enters it. */
export interface AppField {
  /** Key below `$auth`. */
  readonly name: string;
  readonly title: string;
  /** Masked in logs. */
  readonly secret: boolean;
  readonly optional: boolean;
}

/** How an app's provider speaks OAuth 2. */
export interface AppOauth {
  /** Where a person allows it; empty for client credentials. */
  readonly authorizationUrl: string;
  readonly tokenUrl: string;
  readonly scopes: readonly string[];
  readonly scopeSeparator: string;
  /** False for providers that refuse what they do not know. */
  readonly pkce: boolean;
  /** Whether the client proves itself in a header or in the body. */
  readonly clientAuth: "basic" | "body";
  readonly requestFormat: "form" | "json";
  /** Further parameters of the authorization. */
  readonly authorizationParams: Readonly<Record<string, string>>;
  /** Further parameters of each token request. */
  readonly tokenParams: Readonly<Record<string, string>>;
  /** Where the token stands in the answer, such as `authed_user.access_token`. */
  readonly tokenPath: string;
  /** Further keys below `$auth`, with where each stands in the answer. None of them is secret. */
  readonly extraFields: Readonly<Record<string, string>>;
}

/** A request that shows whether an account works. `{{field}}` stands for a field's value. */
export interface AppTest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Where an answer of status 200 says whether all is well, for providers that always answer 200; empty for others. */
  readonly okPath: string;
}

/** A service that accounts can be of. */
export interface AppDefinition {
  /** Unique in the project. */
  readonly name: string;
  readonly title: string;
  readonly auth: AppAuth;
  /** Set unless `auth` is `key`. */
  readonly oauth: AppOauth | undefined;
  /** What an account has that is connected with fields. */
  readonly fields: readonly AppField[];
  /** Tried in order: the first one whose fields the account has. */
  readonly tests: readonly AppTest[];
  /** Where the provider gives out clients or keys; empty when unknown. */
  readonly setupUrl: string;
}

/** Key of the token below `$auth`. */
export const TOKEN_FIELD = "oauth_access_token";

/** What a key below `$auth` looks like. */
export const FIELD_NAME = /^(?!__)[A-Za-z_][A-Za-z0-9_]{0,63}$/;

/** What an app's name looks like. */
export const APP_NAME = /^[a-z][a-z0-9_]{0,63}$/;

const NAME: TextRule = {
  pattern: APP_NAME,
  lengthMax: 64,
  expected: "lower-case letters, digits and underscores, a letter first",
};
const FIELD: TextRule = {
  pattern: FIELD_NAME,
  lengthMax: 64,
  expected: "letters, digits and underscores, no digit first",
};
const TEXT: TextRule = { pattern: /^[^\p{Cc}]+$/u, lengthMax: 1_000, expected: "text" };
const URL_TEXT: TextRule = {
  pattern: /^https?:\/\/[\x21-\x7e]+$/,
  lengthMax: 2_000,
  expected: "an http or https address",
};
const PATH: TextRule = {
  pattern: /^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+){0,8}$/,
  lengthMax: 200,
  expected: "names with dots",
};
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/;
const PARAM_NAME = /^[\x21-\x7e]{1,100}$/;
const ENTRIES_MAX = 32;

/**
 * Checks the definition of an app and fills in its defaults.
 *
 * @throws PlatformError `INVALID_APP`, which lists every problem with its path
 */
export function parseAppDefinition(value: unknown): AppDefinition {
  const problems: DefinitionProblem[] = [];
  const app = readApp(value, problems);
  if (app !== undefined && problems.length === 0) return app;
  const lines = problems.slice(0, 20).map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  throw new PlatformError("InvalidArgument", "INVALID_APP", lines.join("; "));
}

function readApp(value: unknown, problems: DefinitionProblem[]): AppDefinition | undefined {
  const app = FieldReader.open(value, "", problems);
  if (app === undefined) return undefined;
  const name = app.text("name", NAME);
  const title = optionalText(app, "title", TEXT, name);
  const auth = app.choice<AppAuth>("auth", ["key", "oauth", "client_credentials"], "key");
  const oauth = auth === "key" ? undefined : readOauth(app, auth, problems);
  const fields = app
    .list("fields", { min: 0, max: ENTRIES_MAX })
    .flatMap((field, i) => readField(field, `fields[${i}]`, problems) ?? []);
  const tests = app
    .list("tests", { min: 0, max: 5 })
    .flatMap((test, i) => readTest(test, `tests[${i}]`, problems) ?? []);
  const setupUrl = optionalText(app, "setupUrl", URL_TEXT, "");
  app.finish();
  return { name, title, auth, oauth, fields, tests, setupUrl };
}

function readOauth(app: FieldReader, auth: AppAuth, problems: DefinitionProblem[]): AppOauth | undefined {
  const oauth = FieldReader.open(app.value("oauth"), app.pathOf("oauth"), problems);
  if (oauth === undefined) return undefined;
  const read: AppOauth = {
    authorizationUrl: auth === "oauth" ? oauth.text("authorizationUrl", URL_TEXT) : "",
    tokenUrl: oauth.text("tokenUrl", URL_TEXT),
    scopes: readScopes(oauth),
    scopeSeparator: oauth.choice("scopeSeparator", [" ", ","], " "),
    pkce: oauth.flag("pkce", true),
    clientAuth: oauth.choice("clientAuth", ["basic", "body"], "basic"),
    requestFormat: oauth.choice("requestFormat", ["form", "json"], "form"),
    authorizationParams: readTexts(oauth, "authorizationParams", PARAM_NAME, TEXT, problems),
    tokenParams: readTexts(oauth, "tokenParams", PARAM_NAME, TEXT, problems),
    tokenPath: optionalText(oauth, "tokenPath", PATH, "access_token"),
    extraFields: readTexts(oauth, "extraFields", FIELD_NAME, PATH, problems),
  };
  oauth.finish();
  return read;
}

function readScopes(oauth: FieldReader): string[] {
  return oauth.list("scopes", { min: 0, max: 100 }).flatMap((scope, i) => {
    if (isScope(scope)) return [scope];
    oauth.problem("scopes", `[${i}]: ${describe(scope)} is no scope`);
    return [];
  });
}

/** What RFC 6749 allows in a scope. */
export function isScope(scope: unknown): scope is string {
  return typeof scope === "string" && /^[\x21\x23-\x5b\x5d-\x7e]{1,300}$/.test(scope);
}

function readField(value: unknown, path: string, problems: DefinitionProblem[]): AppField | undefined {
  const field = FieldReader.open(value, path, problems);
  if (field === undefined) return undefined;
  const name = field.text("name", FIELD);
  const title = optionalText(field, "title", TEXT, name);
  const read = { name, title, secret: field.flag("secret", true), optional: field.flag("optional", false) };
  field.finish();
  return read;
}

function readTest(value: unknown, path: string, problems: DefinitionProblem[]): AppTest | undefined {
  const test = FieldReader.open(value, path, problems);
  if (test === undefined) return undefined;
  const read: AppTest = {
    method: test.choice<AppTest["method"]>("method", ["GET", "POST"], "GET"),
    url: test.text("url", URL_TEXT),
    headers: readTexts(test, "headers", HEADER_NAME, TEXT, problems),
    okPath: optionalText(test, "okPath", PATH, ""),
  };
  test.finish();
  return read;
}

function optionalText(fields: FieldReader, key: string, rule: TextRule, fallback: string): string {
  return fields.value(key) === undefined ? fallback : fields.text(key, rule);
}

/** An object of texts. */
function readTexts(
  parent: FieldReader,
  key: string,
  names: RegExp,
  rule: TextRule,
  problems: DefinitionProblem[],
): Record<string, string> {
  const value = parent.value(key);
  if (value === undefined) return {};
  const fields = FieldReader.open(value, parent.pathOf(key), problems);
  if (fields === undefined) return {};
  const found = Object.keys(value as object);
  if (found.length > ENTRIES_MAX) parent.problem(key, `more than ${ENTRIES_MAX}`);
  const read = found.slice(0, ENTRIES_MAX).map((name): [string, string] => {
    if (!names.test(name)) parent.problem(key, `${describe(name)} is not a name that can stand here`);
    return [name, fields.text(name, rule)];
  });
  return Object.fromEntries(read);
}
