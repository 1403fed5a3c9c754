import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { encodeRunToken, PlatformError } from "@millrace/core";
import { accountApi, workflowApi } from "@millrace/protocol";

import { allowAccount, Browser } from "../harness/browser.ts";
import { recordRun } from "../harness/record-run.ts";
import { until } from "../harness/until.ts";
import { OauthServer } from "../harness/oauth-server.ts";
import { TOKEN_KEY } from "../harness/scripted-runner.ts";
import { startTestGateways, type ClientOptions, type TestGateways } from "../harness/test-gateway.ts";

const { AccountState } = accountApi;

describe("accounts at a real OAuth server, behind two gateways", () => {
  let house: TestGateways;
  let server: OauthServer;
  let versionId: string;
  let runId: string;
  let number = 0;

  const accounts = (options?: ClientOptions) => house.client(accountApi.AccountServiceService, options);

  before(async () => {
    house = await startTestGateways(2, { MILLRACE_TOKEN_FRESH_MS: "5000" });
    runId = await recordRun(house.databaseUrl, { projectId: house.projectId });
    server = await OauthServer.start(`http://127.0.0.1:${house.gateways[0]!.httpPort}/oauth/callback`);
    const { id: clientId, secret: clientSecret } = server.client;
    for (const [name, auth] of [["own", "oauth"] as const, ["machine", "client_credentials"] as const]) {
      await accounts().setApp({ definitionJson: JSON.stringify(server.app(name, auth)) });
      await accounts().setAppClient({ name: `apps/${name}`, clientId, clientSecret });
    }
    const names = ["team", "dying", "robot", "keys", "busy", "rotating", "missing"];
    const definition = {
      name: "uses accounts",
      steps: [
        { name: "one", python: "one.py", inputs: Object.fromEntries(names.map((name) => [name, { account: name }])) },
        { name: "two", python: "one.py", inputs: { data: { store: "team" } } },
      ],
    };
    const deployed = await house.client(workflowApi.WorkflowServiceService).deployWorkflow({
      ...{ name: "", definitionJson: JSON.stringify(definition), sources: { "one.py": "print(1)" }, modules: {} },
      ...{ checkTimeout: undefined, upgradePackages: false, packageTimeout: undefined },
    });
    versionId = deployed.versionId;
  });

  after(async () => {
    await house?.close();
    await server?.[Symbol.asyncDispose]();
  });

  /** Asks as a step does. */
  async function get(input: unknown, given: { path?: string; projectId?: string } = {}) {
    const { path = "steps/0", projectId = house.projectId } = given;
    const claims = { projectId, workflowId: "w", versionId, runId, assignment: 1, runner: "runner" };
    const key = Buffer.from(TOKEN_KEY, "hex");
    const runToken = encodeRunToken({ ...claims, expiresAtMs: Date.now() + 60_000 }, (data) =>
      createHmac("sha256", key).update(data).digest(),
    );
    const requestJson = Buffer.from(JSON.stringify({ input }));
    const request = { runToken, path, number: ++number, execution: 1, method: "account.get", requestJson };
    const answer = await house.channels.call().request({ ...request, body: Buffer.alloc(0) }, { timeoutMs: 20_000 });
    const { auth, life_ms } = JSON.parse(answer.responseJson.toString()) as {
      auth: Record<string, string>;
      life_ms: number | null;
    };
    return { auth, lifeMs: life_ms, secrets: answer.secrets, token: auth["oauth_access_token"] ?? "" };
  }

  async function add(name: string): Promise<void> {
    await accounts().createAccount({ name: `accounts/${name}`, app: "apps/own", fields: [], scopes: [] });
    const { url } = await accounts().authorizeAccount({ name: `accounts/${name}` });
    const page = await allowAccount(url);
    assert.match(page.text, /is connected/, page.text);
  }

  async function isGood(token: string): Promise<boolean> {
    return (await fetch(`${server.url}/me`, { headers: { authorization: `Bearer ${token}` } })).ok;
  }

  const reasonOf = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => "no error",
      (thrown: unknown) => (thrown instanceof PlatformError ? `${thrown.kind} ${thrown.reason}` : String(thrown)),
    );

  test("a person allows an account, and steps get a token that works", async () => {
    const name = "accounts/team";
    const created = await accounts().createAccount({ name, app: "apps/own", fields: [], scopes: [] });
    assert.equal(created.state, AccountState.PENDING);
    assert.equal(await reasonOf(get("team")), "FailedPrecondition ACCOUNT_NOT_CONNECTED");
    const { url } = await accounts().authorizeAccount({ name });
    const page = await allowAccount(url);
    assert.equal(page.status, 200);
    assert.match(page.text, /&#34;team&#34; is connected/);
    const account = await accounts({ gateway: 1 }).getAccount({ name });
    assert.deepEqual([account.state, account.oauth, account.problem], [AccountState.CONNECTED, true, ""]);
    assert.deepEqual([...account.fieldNames].sort(), ["oauth_access_token", "oauth_client_id"]);
    const { token, auth, secrets, lifeMs } = await get("team");
    assert.ok(await isGood(token));
    assert.equal(auth["oauth_client_id"], server.client.id);
    assert.deepEqual(secrets, [token]);
    assert.ok(lifeMs! > 3_000_000, String(lifeMs));
    assert.equal((await get("team")).token, token, "a fresh token is not refreshed");
    const tested = await accounts().testAccount({ name });
    assert.deepEqual(tested, { ok: true, message: "App own accepts it", httpStatus: 200 });
  });

  test("an authorization works once, in the browser that began, and a foreign state not at all", async () => {
    const name = "accounts/team";
    const { url } = await accounts().authorizeAccount({ name });
    const state = new URL(url).searchParams.get("state")!;
    const callback = new URL("/oauth/callback", url);
    callback.search = new URLSearchParams({ code: "stolen", state }).toString();
    const foreign = await new Browser().open(callback.href);
    assert.deepEqual([foreign.status, foreign.text.includes("does not work any more")], [400, true]);
    const browser = new Browser();
    assert.match((await allowAccount(url, browser)).text, /is connected/);
    assert.equal((await browser.open(callback.href)).status, 400, "the state is used up");
    assert.equal((await browser.open(url)).status, 400);
    for (const bad of [
      "/oauth/start",
      "/oauth/start?state=x",
      `/oauth/start?state=${"a".repeat(43)}`,
      "/oauth/other",
    ]) {
      const page = await browser.open(new URL(bad, url).href);
      assert.equal(page.status, 400, bad);
      assert.ok(!page.text.includes("<form"));
    }
  });

  test("who says no at the provider is told so, and the account stays as it was", async () => {
    const name = "accounts/team";
    const { url } = await accounts().authorizeAccount({ name });
    const browser = new Browser();
    const consent = await browser.submit(await browser.submit(await browser.open(url)), {
      login: "ada",
      password: "x",
    });
    const abort = /href="([^"]*\/abort)"/.exec(consent.text)?.[1];
    const page = await browser.open(new URL(abort!, consent.url).href);
    assert.deepEqual([page.status, /access_denied/.test(page.text)], [400, true], page.text);
    const account = await accounts().getAccount({ name });
    assert.equal(account.state, AccountState.CONNECTED);
    assert.match(account.problem, /access_denied/);
    assert.ok(await isGood((await get("team")).token));
  });

  test("a token is refreshed before use, once for many callers on two gateways", async () => {
    server.lifeS = 2;
    await add("busy");
    const before = server.grants["refresh_token"] ?? 0;
    server.lifeS = 3_600;
    let release = (): void => undefined;
    server.delay = new Promise<void>((resolve) => (release = resolve));
    const requests = server.asked;
    const asked = Promise.all(Array.from({ length: 24 }, () => get("busy")));
    await until(() => server.asked > requests);
    release();
    const tokens = new Set((await asked).map(({ token }) => token));
    server.delay = Promise.resolve();
    assert.equal(tokens.size, 1);
    assert.equal(server.grants["refresh_token"], before + 1);
    assert.ok(await isGood([...tokens][0]!));
  });

  test("refresh tokens that rotate are kept: a chain of refreshes holds", async () => {
    server.lifeS = 3;
    await add("rotating");
    const tokens = new Set<string>();
    for (let n = 0; n < 5; n++) tokens.add((await get("rotating")).token);
    server.lifeS = 3_600;
    const last = await get("rotating");
    assert.equal(tokens.size, 5, "each of them was too old to be given out again");
    assert.ok(await isGood(last.token));
  });

  test("a provider that is away costs nothing while the token works, and is an error when it does not", async () => {
    server.lifeS = 4;
    await accounts().deleteAccount({ name: "accounts/busy" });
    await add("busy");
    server.isDown = true;
    try {
      const early = await get("busy");
      assert.ok(await isGood(early.token), "it still works for some seconds");
      await until(async () => (await reasonOf(get("busy"))) === "Unavailable PROVIDER_UNAVAILABLE");
      await until(async () => !(await isGood(early.token)));
      const account = await accounts().getAccount({ name: "accounts/busy" });
      assert.deepEqual([account.state, /503/.test(account.problem)], [AccountState.CONNECTED, true], account.problem);
    } finally {
      server.isDown = false;
    }
    server.lifeS = 3_600;
    // A failure leaves a rest of some seconds behind.
    await until(async () => (await reasonOf(get("busy"))) !== "Unavailable PROVIDER_UNAVAILABLE", 30_000);
    assert.ok(await isGood((await get("busy")).token));
  });

  test("an account whose refresh is refused is dead, says so, and lives again when it is connected anew", async () => {
    server.lifeS = 1;
    await add("dying");
    await server.withdraw();
    for (let n = 0; n < 2; n++) {
      const failure = await get("dying").catch((thrown: unknown) => thrown as PlatformError);
      assert.ok(failure instanceof PlatformError);
      assert.equal(failure.reason, "ACCOUNT_DEAD");
      assert.match(failure.message, /"dying" must be connected anew.*invalid_grant.*reconnect dying/);
    }
    const dead = await accounts().getAccount({ name: "accounts/dying" });
    assert.equal(dead.state, AccountState.DEAD);
    const tested = await accounts().testAccount({ name: "accounts/dying" });
    assert.deepEqual([tested.ok, tested.httpStatus], [false, 0]);
    server.lifeS = 3_600;
    const { url } = await accounts().authorizeAccount({ name: "accounts/dying" });
    await allowAccount(url);
    assert.ok(await isGood((await get("dying")).token));
  });

  test("client credentials need nobody to allow them, and are asked for anew when they expire", async () => {
    server.lifeS = 2;
    const request = { name: "accounts/robot", app: "apps/machine", fields: [], scopes: [] };
    const created = await accounts().createAccount(request);
    assert.equal(created.state, AccountState.CONNECTED);
    assert.equal(
      await reasonOf(accounts().authorizeAccount({ name: created.name })),
      "FailedPrecondition ACCOUNT_NOT_OAUTH",
    );
    const first = await get("robot");
    server.lifeS = 3_600;
    const second = await get("robot");
    assert.notEqual(first.token, second.token);
    assert.equal((await get("robot")).token, second.token);
    await accounts().setAppClient({ name: "apps/machine", clientId: server.client.id, clientSecret: "wrong" });
    const refused = accounts().createAccount({ ...request, name: "accounts/robot-2" });
    assert.equal(await reasonOf(refused), "FailedPrecondition ACCOUNT_REFUSED");
  });

  test("keys are given as they are; what the app calls plain is not masked", async () => {
    const field = (name: string, value: string, plain = false) => ({ name, value, plain });
    const fields = [field("password", "the-password"), field("host", "db.example"), field("extra", "x-extra-x", true)];
    const all = [...fields, field("port", "5432"), field("database", "shop"), field("user", "me")];
    const name = "accounts/keys";
    const missing = accounts().createAccount({ name, app: "apps/postgresql", fields, scopes: [] });
    assert.equal(await reasonOf(missing), "InvalidArgument INVALID_ACCOUNT");
    await accounts().createAccount({ name, app: "apps/postgresql", fields: all, scopes: [] });
    const { auth, secrets, lifeMs } = await get("keys");
    assert.deepEqual(auth, Object.fromEntries(all.map((one) => [one.name, one.value])));
    assert.deepEqual([secrets, lifeMs], [["the-password"], null]);
    await accounts().updateAccount({ name, fields: [...all.slice(1), field("password", "another-one")] });
    assert.equal((await get("keys")).auth["password"], "another-one");
    assert.equal((await accounts().testAccount({ name })).ok, true);
    assert.equal(
      await reasonOf(accounts().updateAccount({ name: "accounts/team", fields })),
      "FailedPrecondition ACCOUNT_IS_OAUTH",
    );
  });

  test("a run gets the accounts that its step declares, of its own project, and no others", async () => {
    assert.equal(await reasonOf(get("other")), "PermissionDenied ACCOUNT_NOT_DECLARED");
    assert.equal(await reasonOf(get(undefined)), "PermissionDenied ACCOUNT_NOT_DECLARED");
    assert.equal(await reasonOf(get("data", { path: "steps/1" })), "PermissionDenied ACCOUNT_NOT_DECLARED");
    assert.equal(await reasonOf(get("team", { path: "steps/1" })), "PermissionDenied ACCOUNT_NOT_DECLARED");
    assert.equal(await reasonOf(get("team", { path: "steps/9" })), "PermissionDenied ACCOUNT_NOT_DECLARED");
    assert.equal(await reasonOf(get("missing")), "NotFound ACCOUNT_NOT_FOUND");
    const other = await house.store.projects.ensure("other");
    assert.equal(await reasonOf(get("team", { projectId: other.id })), "NotFound ACCOUNT_NOT_FOUND");
    const foreign = accounts({ token: house.otherKey });
    assert.deepEqual((await foreign.listAccounts({ pageSize: 0, pageToken: "" })).accounts, []);
    assert.equal(await reasonOf(foreign.getAccount({ name: "accounts/team" })), "NotFound ACCOUNT_NOT_FOUND");
    assert.equal(
      (await foreign.listApps({})).apps.find(({ name }) => name === "apps/own"),
      undefined,
    );
  });

  test("no answer of the API has a secret in it, and the database has none in the clear", async () => {
    const { token } = await get("team");
    const answers = JSON.stringify([
      await accounts().listAccounts({ pageSize: 0, pageToken: "" }),
      await accounts().listApps({}),
      await accounts().getAccount({ name: "accounts/keys" }),
      await accounts().testAccount({ name: "accounts/keys" }),
    ]);
    for (const secret of [token, server.client.secret, "another-one"]) assert.ok(!answers.includes(secret), secret);
    assert.ok(answers.includes("accounts/team"));
    const opened = await house.store.accounts.open(house.projectId, "team");
    assert.equal(opened.contents.fields["oauth_access_token"], token);
    const rows = JSON.stringify(await house.store.accounts.list(house.projectId));
    assert.ok(!rows.includes(token));
  });

  test("lists come in pages, and every built-in app is there", async () => {
    const first = await accounts().listAccounts({ pageSize: 2, pageToken: "" });
    const rest = await accounts().listAccounts({ pageSize: 100, pageToken: first.nextPageToken });
    const names = [...first.accounts, ...rest.accounts].map(({ name }) => name);
    assert.deepEqual(names, [...names].sort());
    assert.deepEqual([first.accounts.length, rest.nextPageToken], [2, ""]);
    const { apps } = await accounts().listApps({});
    const wanted =
      "github slack google notion discord telegram openai anthropic airtable hubspot stripe postgresql".split(" ");
    for (const name of wanted)
      assert.ok(
        apps.some((app) => app.name === `apps/${name}` && !app.custom),
        name,
      );
    const own = apps.find(({ name }) => name === "apps/own")!;
    assert.deepEqual([own.custom, own.clientSet], [true, true]);
    assert.match(own.redirectUri, /\/oauth\/callback$/);
    assert.equal(await reasonOf(accounts().deleteApp({ name: "apps/own" })), "FailedPrecondition APP_IN_USE");
  });

  test("an app that begins to ask somebody else takes no client and no tokens along", async () => {
    const set = (definition: unknown) => accounts().setApp({ definitionJson: JSON.stringify(definition) });
    const elsewhere = (name: string) => {
      const app = server.app(name);
      return { ...app, oauth: { ...(app["oauth"] as object), tokenUrl: "http://127.0.0.1:1/token" } };
    };
    assert.equal(await reasonOf(set(elsewhere("own"))), "FailedPrecondition APP_IN_USE");
    assert.equal((await set({ ...server.app("own"), title: "Renamed" })).clientSet, true);
    await accounts().setAppClient({ name: "apps/github", clientId: "x", clientSecret: "of-github" });
    assert.equal((await set(elsewhere("github"))).clientSet, false);
    await accounts().deleteApp({ name: "apps/github" });
    const { apps } = await accounts().listApps({});
    assert.equal(apps.find(({ name }) => name === "apps/github")?.custom, false);
  });

  test("what cannot be right is refused with a reason", async () => {
    const base = {
      name: "accounts/x",
      app: "apps/openai",
      fields: [{ name: "api_key", value: "k", plain: false }],
      scopes: [],
    };
    const create = (given: Partial<accountApi.CreateAccountRequest>) =>
      reasonOf(accounts().createAccount({ ...base, ...given }));
    assert.equal(await create({ name: "accounts/" }), "InvalidArgument INVALID_NAME");
    assert.equal(await create({ name: "accounts/-x" }), "InvalidArgument INVALID_NAME");
    assert.equal(await create({ app: "openai" }), "InvalidArgument INVALID_NAME");
    assert.equal(await create({ app: "apps/nothing" }), "NotFound APP_NOT_FOUND");
    assert.equal(await create({ fields: [] }), "InvalidArgument INVALID_ACCOUNT");
    assert.equal(
      await create({ fields: [{ name: "__proto__", value: "k", plain: false }] }),
      "InvalidArgument INVALID_ACCOUNT",
    );
    assert.equal(await create({ fields: [...base.fields, ...base.fields] }), "InvalidArgument INVALID_ACCOUNT");
    assert.equal(
      await create({ fields: [{ name: "api_key", value: "x".repeat(65_537), plain: false }] }),
      "InvalidArgument INVALID_ACCOUNT",
    );
    const many = Array.from({ length: 5 }, (_, n) => ({ name: `f${n}`, value: "x".repeat(65_536), plain: false }));
    assert.equal(await create({ app: "apps/custom", fields: many }), "InvalidArgument INVALID_ACCOUNT");
    assert.equal(await create({ scopes: ["read"] }), "InvalidArgument INVALID_ACCOUNT");
    assert.equal(await create({ app: "apps/github", fields: [], scopes: [] }), "FailedPrecondition APP_CLIENT_MISSING");
    const setApp = (definition: unknown) => reasonOf(accounts().setApp({ definitionJson: JSON.stringify(definition) }));
    assert.equal(await setApp({ name: "X" }), "InvalidArgument INVALID_APP");
    assert.equal(await setApp({ name: "custom" }), "InvalidArgument INVALID_APP");
    assert.equal(await setApp({ name: "x", auth: "oauth" }), "InvalidArgument INVALID_APP");
    const client = accounts().setAppClient({ name: "apps/openai", clientId: "x", clientSecret: "" });
    assert.equal(await reasonOf(client), "InvalidArgument INVALID_CLIENT");
    assert.equal(await reasonOf(accounts({ token: "nonsense" }).listApps({})), "Unauthenticated API_KEY_INVALID");
  });
});
