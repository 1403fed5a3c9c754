import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { hashPassword } from "@millrace/store";
import { startTestGateways, type TestGateways } from "../harness/test-gateway.ts";

let house: TestGateways;
let base: string;
const PASSWORD = "a long enough password";

before(async () => {
  house = await startTestGateways(1, { MILLRACE_SIGN_IN_FAILURES_MAX: "3", MILLRACE_TRUSTED_PROXIES: "1" });
  base = `http://127.0.0.1:${house.gateways[0]!.httpPort}`;
  const passwordHash = await hashPassword(PASSWORD);
  const user = { projectId: house.projectId, passwordHash, passwordInitial: true };
  await house.store.users.createFirst({ ...user, name: "admin", administrator: true });
  await house.store.users.create({ ...user, name: "ann", administrator: false });
});

after(() => house.close());

interface Answer {
  readonly status: number;
  readonly cookie: string;
  readonly headers: Headers;
  readonly reason: string | undefined;
  readonly json: Record<string, unknown>;
}

async function call(method: string, path: string, headers: Record<string, string>, body?: object): Promise<Answer> {
  const response = await fetch(`${base}${path}`, {
    method,
    headers: { ...(body && { "content-type": "application/json" }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
  const json = JSON.parse((await response.text()) || "{}") as Record<string, unknown>;
  const error = json["error"] as { details?: { reason: string }[] } | undefined;
  const cookie = response.headers.get("set-cookie") ?? "";
  return { status: response.status, headers: response.headers, cookie, reason: error?.details?.[0]?.reason, json };
}

const CSRF = { "x-millrace-csrf": "1" };

function signIn(body: object, headers: Record<string, string> = {}): Promise<Answer> {
  return call("POST", "/api/v1/sessions:signIn", { ...CSRF, ...headers }, body);
}

async function cookieOf(user: string, password = PASSWORD): Promise<string> {
  const { status, cookie } = await signIn({ user, password });
  assert.equal(status, 200);
  return cookie.split(";")[0]!;
}

describe("signing in", () => {
  it("sets a cookie that scripts cannot read, and shows the token nowhere else", async () => {
    const answer = await signIn({ user: "admin", password: PASSWORD });
    assert.match(answer.cookie, /^millrace_session=mrs_[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
    assert.equal(answer.json["sessionToken"], "");
    const caller = await call("GET", "/api/v1/caller", { cookie: answer.cookie.split(";")[0]! });
    assert.deepEqual(
      [caller.json["user"], caller.json["administrator"], caller.json["passwordInitial"]],
      ["users/admin", true, true],
    );
  });

  it("takes an API key, whose sessions end when it is revoked", async () => {
    const { json: key } = await call(
      "POST",
      "/api/v1/apiKeys",
      { authorization: `Bearer ${house.key}` },
      { displayName: "browser" },
    );
    const { cookie } = await signIn({ apiKey: key["key"] as string });
    const session = { cookie: cookie.split(";")[0]! };
    assert.equal((await call("GET", "/api/v1/workflows", session)).status, 200);
    await call("DELETE", `/api/v1/${key["name"] as string}`, { authorization: `Bearer ${house.key}` });
    assert.equal((await call("GET", "/api/v1/workflows", session)).reason, "SESSION_OVER");
    assert.equal((await signIn({ apiKey: key["key"] as string })).reason, "SIGN_IN_REFUSED");
  });

  it("says the same of a wrong password and of a user that there is not, and stops guessing", async () => {
    const from = { "x-forwarded-for": "10.1.1.1" };
    const wrong = await signIn({ user: "ann", password: "not the password" }, from);
    const nobody = await signIn({ user: "nobody", password: "not the password" }, from);
    assert.deepEqual([wrong.status, wrong.reason], [401, "SIGN_IN_REFUSED"]);
    assert.deepEqual([nobody.status, nobody.reason], [401, "SIGN_IN_REFUSED"]);
    for (let i = 0; i < 2; i++) await signIn({ user: "ann", password: "not the password" }, from);
    const limited = await signIn({ user: "ann", password: PASSWORD }, from);
    assert.deepEqual([limited.status, limited.reason], [429, "TOO_MANY_ATTEMPTS"]);
    assert.ok(Number(limited.headers.get("retry-after")) > 0);
  });
});

describe("a session's cookie", () => {
  it("changes nothing without the header that no other site can send, nor from another origin", async () => {
    const cookie = await cookieOf("admin");
    const body = { displayName: "by cookie" };
    const path = "/api/v1/workflows";
    const tries: [Record<string, string>, number][] = [
      [{}, 403],
      [{ ...CSRF, origin: "https://evil.example" }, 403],
      [{ ...CSRF, origin: "null" }, 403],
      [{ ...CSRF, "sec-fetch-site": "cross-site" }, 403],
      [{ ...CSRF, "sec-fetch-site": "same-site" }, 403],
      [{ ...CSRF, origin: base, "sec-fetch-site": "same-origin" }, 200],
    ];
    for (const [headers, status] of tries) {
      const answer = await call("POST", path, { cookie, ...headers }, body);
      assert.equal(answer.status, status, JSON.stringify(headers));
      if (status === 403) assert.equal(answer.reason, "CROSS_SITE");
    }
    const read = await call("GET", path, { cookie, "sec-fetch-site": "cross-site" });
    assert.equal(read.reason, "CROSS_SITE");
    const login = await call("POST", "/api/v1/sessions:signIn", {}, { user: "admin", password: PASSWORD });
    assert.equal(login.reason, "CROSS_SITE", "nobody is signed in by another site");
  });

  it("ends by signing out, by being revoked and by a change of the password", async () => {
    const first = await cookieOf("admin");
    const out = await call("POST", "/api/v1/sessions:signOut", { cookie: first, ...CSRF }, {});
    assert.match(out.cookie, /^millrace_session=; .*Max-Age=0/);
    assert.equal((await call("GET", "/api/v1/caller", { cookie: first })).reason, "SESSION_OVER");

    const [second, third] = [await cookieOf("admin"), await cookieOf("admin")];
    const { json } = await call("GET", "/api/v1/sessions", { cookie: second });
    const sessions = json["sessions"] as { name: string; current: boolean }[];
    const other = sessions.find(({ current }) => !current)!;
    assert.equal((await call("DELETE", `/api/v1/${other.name}`, { cookie: second, ...CSRF })).status, 200);
    assert.equal((await call("GET", "/api/v1/caller", { cookie: third })).reason, "SESSION_OVER");

    const weak = await call(
      "POST",
      "/api/v1/sessions:changePassword",
      { cookie: second, ...CSRF },
      { oldPassword: PASSWORD, newPassword: "short" },
    );
    assert.equal(weak.reason, "WEAK_PASSWORD");
    const changed = await call(
      "POST",
      "/api/v1/sessions:changePassword",
      { cookie: second, ...CSRF },
      { oldPassword: PASSWORD, newPassword: "another long password" },
    );
    assert.equal(changed.status, 200);
    assert.equal((await call("GET", "/api/v1/caller", { cookie: second })).reason, "SESSION_OVER");
    const fresh = await call("GET", "/api/v1/caller", { cookie: changed.cookie.split(";")[0]! });
    assert.equal(fresh.json["passwordInitial"], false);
  });
});

describe("users and keys", () => {
  it("are an administrator's business, and the last administrator stays", async () => {
    const auth = { authorization: `Bearer ${house.key}` };
    const made = await call("POST", "/api/v1/users", auth, { name: "users/bob", password: "bob's long password" });
    assert.equal(made.status, 200);
    const bob = { cookie: await cookieOf("bob", "bob's long password"), ...CSRF };
    for (const path of ["/api/v1/users", "/api/v1/apiKeys"]) {
      assert.equal((await call("GET", path, bob)).reason, "NOT_ADMINISTRATOR");
    }
    assert.equal((await call("DELETE", "/api/v1/users/admin", auth)).reason, "LAST_ADMINISTRATOR");
    assert.equal((await call("DELETE", "/api/v1/users/bob", auth)).status, 200);
    assert.equal((await call("GET", "/api/v1/caller", bob)).reason, "SESSION_OVER");
    const other = { authorization: `Bearer ${house.otherKey}` };
    assert.deepEqual((await call("GET", "/api/v1/users", other)).json["users"], []);
    assert.equal((await call("DELETE", "/api/v1/users/ann", other)).reason, "USER_NOT_FOUND");
  });
});
