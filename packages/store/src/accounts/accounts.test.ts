import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import { createScratchHouse, type ScratchHouse } from "../../test/scratch-house.ts";
import type { AccountChange, NewAccount } from "./account-records.ts";

const hash = (state: string): Buffer => createHash("sha256").update(state).digest();

function change(token: string, expireTimeMs: number | null = 5_000): AccountChange {
  return {
    contents: { fields: { oauth_access_token: token }, refreshToken: `refresh ${token}`, scopes: ["read"] },
    fields: [{ name: "oauth_access_token", secret: true }],
    expireTimeMs,
  };
}

function newAccount(name: string, given: Partial<NewAccount> = {}): NewAccount {
  return { name, app: "slack", kind: "oauth", state: "CONNECTED", ...change("first"), ...given };
}

async function create(house: ScratchHouse, name = "team") {
  await house.store.accounts.create(house.projectId, newAccount(name));
  return house.store.accounts.open(house.projectId, name);
}

describe("accounts", () => {
  it("belong to their project and have a name of their own there", async () => {
    await using house = await createScratchHouse();
    const { accounts, projects } = house.store;
    const other = await projects.ensure("other");
    await create(house, "b");
    await create(house, "a");
    await accounts.create(other.id, newAccount("a", change("other")));
    await assert.rejects(accounts.create(house.projectId, newAccount("a")), { reason: "ACCOUNT_EXISTS" });
    assert.deepEqual(
      (await accounts.list(house.projectId)).map(({ name }) => name),
      ["a", "b"],
    );
    assert.equal((await accounts.open(other.id, "a")).contents.fields["oauth_access_token"], "other");
    for (const name of ["c", "", "a\0"]) {
      await assert.rejects(accounts.open(house.projectId, name), { reason: "ACCOUNT_NOT_FOUND" });
      await assert.rejects(accounts.delete(house.projectId, name), { reason: "ACCOUNT_NOT_FOUND" });
    }
    await accounts.delete(house.projectId, "a");
    await assert.rejects(accounts.get(house.projectId, "a"), { reason: "ACCOUNT_NOT_FOUND" });
    assert.ok(await accounts.get(other.id, "a"));
    assert.ok(!JSON.stringify(await accounts.list(other.id)).includes("refresh"));
  });

  it("let one refresh at a time, and none of an account that has changed", async () => {
    await using house = await createScratchHouse();
    const { accounts } = house.store;
    const account = await create(house);
    const holders = [randomUUID(), randomUUID(), randomUUID()];
    const begun = await Promise.all(holders.map((holder) => accounts.beginRefresh(account, holder, 10_000)));
    assert.deepEqual(begun.filter(Boolean).length, 1);
    const holder = holders[begun.indexOf(true)]!;
    const loser = holders[begun.indexOf(false)]!;
    assert.equal(await accounts.finishRefresh(account, loser, change("stolen")), false);
    assert.equal(await accounts.finishRefresh(account, holder, change("second", 9_000)), true);
    const after = await accounts.open(house.projectId, "team");
    assert.deepEqual(
      [after.contents.fields["oauth_access_token"], after.contents.refreshToken, after.expireTimeMs, after.revision],
      ["second", "refresh second", 9_000, 2],
    );
    assert.equal(await accounts.beginRefresh(account, holder, 10_000), false, "it was refreshed meanwhile");
    assert.equal(await accounts.beginRefresh(after, holder, 10_000), true);
  });

  it("are free again when who refreshes them has died, and connecting anew wins over a refresh under way", async () => {
    await using house = await createScratchHouse();
    const { accounts } = house.store;
    const account = await create(house);
    const [dead, next] = [randomUUID(), randomUUID()];
    assert.ok(await accounts.beginRefresh(account, dead, 0));
    assert.ok(await accounts.beginRefresh(account, next, 60_000));
    assert.ok(await accounts.connect(house.projectId, account.id, change("anew")));
    assert.equal(await accounts.finishRefresh(account, next, change("late")), false);
    assert.equal((await accounts.open(house.projectId, "team")).contents.fields["oauth_access_token"], "anew");
  });

  it("say why they do not work, until they are connected anew", async () => {
    await using house = await createScratchHouse();
    const { accounts } = house.store;
    const account = await create(house);
    const holder = randomUUID();
    await accounts.beginRefresh(account, holder, 60_000);
    await accounts.abandonRefresh(account, holder, { state: "DEAD", problem: "invalid_grant", restMs: 0 });
    const dead = await accounts.get(house.projectId, "team");
    assert.deepEqual([dead.state, dead.problem], ["DEAD", "invalid_grant"]);
    await accounts.connect(house.projectId, account.id, change("anew"));
    const living = await accounts.get(house.projectId, "team");
    assert.deepEqual([living.state, living.problem], ["CONNECTED", ""]);
    assert.equal(await accounts.connect(house.projectId, randomUUID(), change("nobody")), false);
  });

  it("are authorized once, in time, and by the newest attempt alone", async () => {
    await using house = await createScratchHouse();
    const { accounts } = house.store;
    const account = await create(house);
    await accounts.beginAuthorization(account, hash("one"), "verifier one", 60_000);
    await accounts.beginAuthorization(account, hash("two"), "verifier two", 60_000);
    assert.equal(await accounts.takeAuthorization(hash("one")), undefined);
    const expected = { projectId: house.projectId, accountName: "team", secret: "verifier two" };
    assert.deepEqual(await accounts.peekAuthorization(hash("two")), expected);
    const taken = await Promise.all([1, 2, 3].map(() => accounts.takeAuthorization(hash("two"))));
    assert.deepEqual(taken.filter(Boolean), [expected]);
    await accounts.beginAuthorization(account, hash("three"), "verifier", 0);
    assert.equal(await accounts.takeAuthorization(hash("three")), undefined);
  });
});

describe("apps of a project", () => {
  it("have a definition, a client, or both, and stay while an account uses them", async () => {
    await using house = await createScratchHouse();
    const { apps, accounts } = house.store;
    await apps.setClient(house.projectId, "slack", { id: "client", secret: "hush" });
    await apps.setDefinition(house.projectId, "own", { name: "own" }, true);
    assert.deepEqual(await apps.list(house.projectId), [
      { name: "own", definition: { name: "own" }, hasClient: false },
      { name: "slack", definition: undefined, hasClient: true },
    ]);
    await apps.setClient(house.projectId, "own", { id: "mine", secret: "" });
    assert.deepEqual(await apps.get(house.projectId, "own"), {
      ...{ name: "own", definition: { name: "own" }, hasClient: true },
    });
    assert.deepEqual(await apps.openClient(house.projectId, "own"), { id: "mine", secret: "" });
    await apps.setDefinition(house.projectId, "own", { name: "own" }, true);
    assert.ok(await apps.openClient(house.projectId, "own"));
    await apps.setDefinition(house.projectId, "own", { name: "own", title: "x" }, false);
    assert.equal(await apps.openClient(house.projectId, "own"), undefined);
    assert.equal(await apps.openClient(house.projectId, "github"), undefined);
    assert.equal(await apps.get((await house.store.projects.ensure("other")).id, "own"), undefined);
    await create(house);
    await assert.rejects(apps.delete(house.projectId, "slack"), { reason: "APP_IN_USE" });
    await accounts.delete(house.projectId, "team");
    await apps.delete(house.projectId, "slack");
    await assert.rejects(apps.delete(house.projectId, "slack"), { reason: "APP_NOT_FOUND" });
  });
});
