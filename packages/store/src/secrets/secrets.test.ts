import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createScratchHouse, MASTER_KEY } from "../../test/scratch-house.ts";
import { createVault, openStore, type Store } from "../index.ts";

const NEXT_KEY = "12".repeat(32);

describe("secrets in the record", () => {
  it("are nowhere in the clear, and open only at their own place", async () => {
    await using house = await createScratchHouse();
    const { variables } = house.store;
    await variables.set(house.projectId, { name: "TOKEN", value: "very-secret-value", secret: true });
    await variables.set(house.projectId, { name: "OTHER", value: "another-value", secret: true });
    const client = await house.connect();
    const dump = JSON.stringify((await client.query("SELECT v.*, encode(sealed, 'escape') FROM variables v")).rows);
    assert.ok(!dump.includes("very-secret-value"), dump);
    await client.query(
      "UPDATE variables v SET sealed = o.sealed FROM variables o WHERE v.name = 'TOKEN' AND o.name = 'OTHER'",
    );
    await assert.rejects(variables.load(house.projectId, -1), { reason: "SECRET_DAMAGED" });
    const listed = await variables.list(house.projectId);
    assert.deepEqual(
      listed.map(({ name, value }) => [name, value]),
      [
        ["OTHER", undefined],
        ["TOKEN", undefined],
      ],
    );
  });

  it("that were plain are read, then encrypted, by several processes at once", async () => {
    await using house = await createScratchHouse();
    const client = await house.connect();
    await client.query(
      `INSERT INTO variables (project_id, name, value, secret)
       SELECT $1, 'V' || n, 'plain ' || n, true FROM generate_series(1, 250) n`,
      [house.projectId],
    );
    const before = await house.store.variables.load(house.projectId, -1);
    assert.equal(before!.variables.length, 250);
    const counts = await Promise.all([1, 2, 3].map(() => house.store.secrets.reseal()));
    assert.equal(
      counts.reduce((sum, { count }) => sum + count, 0),
      250,
    );
    const { rows } = await client.query("SELECT 1 FROM variables WHERE value IS NOT NULL OR sealed IS NULL");
    assert.equal(rows.length, 0);
    assert.deepEqual(await house.store.variables.load(house.projectId, -1), before);
  });

  it("move to a new key while the old one is still known", async () => {
    await using house = await createScratchHouse();
    await house.store.variables.set(house.projectId, { name: "A", value: "one", secret: true });
    await house.store.apps.setClient(house.projectId, "github", { id: "client", secret: "hush" });
    const contents = { fields: { api_key: "k" }, refreshToken: "", scopes: [] };
    const account = { name: "mine", app: "openai", kind: "key", state: "CONNECTED" } as const;
    await house.store.accounts.create(house.projectId, {
      ...account,
      ...{ contents, fields: [{ name: "api_key", secret: true }], expireTimeMs: null },
    });
    const open = (keys: string) => openStore({ url: house.url, vault: createVault(keys) });
    const [lost, both, next] = [await open(NEXT_KEY), await open(`${NEXT_KEY},${MASTER_KEY}`), await open(NEXT_KEY)];
    try {
      const failed = await lost.secrets.reseal();
      assert.deepEqual([failed.count, failed.failed, failed.error?.reason], [0, 3, "MASTER_KEY_UNKNOWN"]);
      const reasons = async (store: Store) => [...new Set((await store.secrets.check()).map(({ reason }) => reason))];
      assert.deepEqual(await reasons(house.store), []);
      assert.deepEqual([await reasons(lost), await reasons(both)], [["SECRETS_LOCKED"], ["SECRETS_UNDER_OLD_KEY"]]);
      assert.deepEqual(await both.secrets.reseal(), { count: 3, failed: 0, error: undefined });
      assert.deepEqual(await both.secrets.reseal(), { count: 0, failed: 0, error: undefined });
      assert.equal((await next.variables.load(house.projectId, -1))!.variables[0]!.value, "one");
      assert.deepEqual((await next.accounts.open(house.projectId, "mine")).contents, contents);
      assert.deepEqual(await next.apps.openClient(house.projectId, "github"), { id: "client", secret: "hush" });
      await assert.rejects(house.store.accounts.open(house.projectId, "mine"), { reason: "MASTER_KEY_UNKNOWN" });
    } finally {
      await Promise.all([lost.close(), both.close(), next.close()]);
    }
  });
});
