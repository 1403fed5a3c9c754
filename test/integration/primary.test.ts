import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { PlatformError, type CommitBatch } from "@millrace/core";
import { createVault, migrate, openCommitter, openStore, type Committer, type Store } from "@millrace/store";
import { startReplicatedPostgres, type ReplicatedPostgres } from "@millrace/testkit";
import { startStallableProxy } from "../harness/stallable-proxy.ts";
import { until } from "../harness/until.ts";

const TIMEOUT_MS = 3_000;

describe("a record on two servers", () => {
  let postgres: ReplicatedPostgres;

  before(async () => {
    postgres = await startReplicatedPostgres();
    await migrate(postgres.url);
  });
  after(() => postgres?.stop());

  async function open(url = postgres.url): Promise<Store & AsyncDisposable> {
    const store = await openStore({ url, statementTimeoutMs: TIMEOUT_MS, vault: createVault("cd".repeat(32)) });
    return { ...store, [Symbol.asyncDispose]: () => store.close() };
  }

  /** Repeats what passes, as every caller does. */
  async function insist<T>(call: () => Promise<T>): Promise<T> {
    let result: { readonly value: T } | undefined;
    await until(async () => {
      try {
        result = { value: await call() };
      } catch (thrown) {
        assert.ok(thrown instanceof PlatformError && thrown.kind === "Unavailable", String(thrown));
      }
      return result !== undefined;
    });
    return result!.value;
  }

  /** A scheduler's connection; its commits change nothing but their number. */
  async function openWriter(store: Store): Promise<{ committer: Committer; batch: (number: number) => CommitBatch }> {
    const committer = openCommitter({ url: store.primary, statementTimeoutMs: TIMEOUT_MS });
    const name = `scheduler-${randomUUID()}`;
    await store.partitions.registerCommitter(name);
    const epochs = await store.partitions.take([1]);
    return { committer, batch: (number) => ({ committer: name, number, epochs, changes: [] }) };
  }

  /** How many sessions of the primary wait for the standby with a statement like this one. */
  async function waitingForStandby(what: string): Promise<number> {
    const { length } = await postgres.primary.query(
      `SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%${what}%'`,
    );
    return length;
  }

  test("is written on the server that is the primary, in whichever order the servers are named", async () => {
    await using store = await open(addressOf(postgres.standby, postgres.primary));
    const { id } = await store.projects.ensure("in-any-order");
    const found = await postgres.primary.query(`SELECT name FROM projects WHERE id = '${id}'`);
    assert.deepEqual(found, [{ name: "in-any-order" }]);
  });

  test("is found behind a server that takes connections and says nothing", async () => {
    const proxy = await startStallableProxy(postgres.standby.port);
    proxy.stall();
    const startedAt = performance.now();
    await using store = await open(addressOf(proxy, postgres.primary));
    await store.ping();
    assert.ok(performance.now() - startedAt < 3_000, "it does not hold up the connection to the other one");
    await proxy.close();
  });

  for (const end of ["pg_cancel_backend", "pg_terminate_backend"]) {
    test(`counts a commit as not made whose wait for the standby is broken off by ${end}, and repeats it`, async () => {
      await using store = await open();
      const { committer, batch } = await openWriter(store);
      await committer.commit(batch(1));
      const second = batch(2);
      postgres.standby.signal("SIGSTOP");
      const committed = committer.commit(second).then(
        () => "acknowledged",
        (thrown: PlatformError) => thrown.reason,
      );
      await until(async () => (await waitingForStandby("INSERT INTO committers")) === 1);
      await postgres.primary.query(`SELECT ${end}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`);
      assert.equal(await committed, "RECORD_UNAVAILABLE");
      const [row] = await postgres.primary.query(`SELECT number FROM committers WHERE id = '${second.committer}'`);
      assert.equal(Number(row?.["number"]), 2, "it stands on the primary, and nowhere else");
      const repeated = committer.commit(second).then(() => "acknowledged");
      await until(async () => (await waitingForStandby("UPDATE primary_server")) > 0);
      postgres.standby.signal("SIGCONT");
      assert.deepEqual(await repeated, "acknowledged");
      await committer.close();
    });
  }

  test("tells nobody of any other change that its standby does not have", async () => {
    await using store = await open();
    const { id } = await store.projects.ensure("others");
    const bytes = new Uint8Array([1]);
    const set = { kind: "set", key: "a", value: bytes, amount: null, ttl: null } as const;
    const changes = (): Promise<unknown>[] => [
      store.projects.ensure(`new-${randomUUID()}`),
      store.variables.set(id, { name: `V_${randomUUID().replaceAll("-", "_")}`, value: "1", secret: false }),
      store.apiKeys.create(id, "key"),
      store.dataStores.write(id, "s", [set], { bytesMax: 1_000 }),
    ];
    await Promise.all(changes());
    postgres.standby.signal("SIGSTOP");
    const outcomes = changes().map((change) =>
      change.then(
        () => "acknowledged",
        (thrown: PlatformError) => thrown.kind,
      ),
    );
    await until(async () => (await waitingForStandby("")) >= 3);
    const cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    const cancelling = setInterval(() => void postgres.primary.query(cancel), 50);
    assert.deepEqual(await Promise.all(outcomes), Array<string>(4).fill("Unavailable"));
    clearInterval(cancelling);
    postgres.standby.signal("SIGCONT");
    await insist(() => store.projects.ensure("others"));
  });

  test("is waited for while its primary hangs, and goes on by itself", async () => {
    await using store = await open();
    const { committer, batch } = await openWriter(store);
    await committer.commit(batch(1));
    postgres.primary.signal("SIGSTOP");
    const committed = insist(() => committer.commit(batch(2)));
    await assert.rejects(store.ping(), { kind: "Unavailable" });
    postgres.primary.signal("SIGCONT");
    await committed;
    await insist(() => store.ping());
    await committer.close();
  });

  test("takes a commit once whose session froze and sends its first copy last", async () => {
    await using store = await open();
    const { committer, batch } = await openWriter(store);
    await committer.commit(batch(1));
    const [session] = await postgres.primary.query(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'millrace commit' ORDER BY backend_start DESC LIMIT 1",
    );
    const pid = Number(session?.["pid"]);
    process.kill(pid, "SIGSTOP");
    await assert.rejects(committer.commit(batch(2)), { reason: "RECORD_UNAVAILABLE" });
    await insist(() => committer.commit(batch(2)));
    await committer.commit(batch(3));
    process.kill(pid, "SIGCONT");
    await until(
      async () => (await postgres.primary.query(`SELECT FROM pg_stat_activity WHERE pid = ${pid}`)).length === 0,
    );
    const [row] = await postgres.primary.query(`SELECT number FROM committers WHERE id = '${batch(1).committer}'`);
    assert.equal(Number(row?.["number"]), 3, "the first copy of 2 changed nothing when it came");
    await committer.close();
  });

  test("is not read from a server that was replaced, though it is alive and shows what it never replicated", async () => {
    await using store = await open();
    await using stranger = await open(addressOf(postgres.primary));
    const { id } = await store.projects.ensure("replaced");
    const old = postgres.primary;
    await postgres.promote();
    // The old primary has it on its own, and a cancelled wait shows it to everybody there.
    const alone = old.query(`UPDATE projects SET name = 'never-replicated' WHERE id = '${id}'`);
    await until(async () => (await old.query("SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'")).length > 0);
    await old.query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    await alone;
    const found = async (from: Store): Promise<string | undefined> =>
      (await from.projects.ensure("replaced").catch(() => undefined))?.id;
    // Whatever was proved before the promotion holds for two seconds.
    await until(async () => (await found(store)) === id);
    await until(async () => (await from(stranger)) === "refused");
    assert.equal(await found(stranger), undefined, "who knows no other server reads nothing");
    assert.equal(store.primary.identity.generation, 2);
    await insist(() => store.projects.ensure("on-the-new-one"));
    await old.query("ALTER SYSTEM SET synchronous_standby_names = ''");
    await old.query("SELECT pg_reload_conf()");
    await insist(() => stranger.ping());
    stranger.primary.learn(store.primary.identity);
    await assert.rejects(stranger.ping(), { reason: "PRIMARY_REPLACED" });
    await using newcomer = await open(addressOf(old, postgres.primary));
    assert.deepEqual(newcomer.primary.identity, store.primary.identity, "of two that take writes the newer one counts");
    await postgres.rejoin();
  });

  const from = (store: Store): Promise<string> =>
    store.ping().then(
      () => "read",
      () => "refused",
    );
});

function addressOf(...servers: readonly { readonly port: number }[]): string {
  return `postgres://millrace:scratch@${servers.map(({ port }) => `127.0.0.1:${port}`).join(",")}/millrace`;
}
