import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { createRunId, encodeRunToken, PlatformError } from "@millrace/core";
import { dataStoreApi, type control } from "@millrace/protocol";
import pg from "pg";
import { TOKEN_KEY } from "../harness/scripted-runner.ts";
import { startTestGateways, type TestGateways } from "../harness/test-gateway.ts";

const mac = (data: Uint8Array): Uint8Array => createHmac("sha256", Buffer.from(TOKEN_KEY, "hex")).update(data).digest();

describe("what runners ask gateways on behalf of user code", () => {
  let house: TestGateways;
  let db: pg.Client;

  before(async () => {
    house = await startTestGateways(2);
    db = new pg.Client({ connectionString: house.databaseUrl });
    await db.connect();
  });
  after(async () => {
    await db?.end();
    await house?.close();
  });

  /** A run in the record, at assignment 1. */
  async function makeRun(): Promise<string> {
    const runId = createRunId(Date.now(), randomBytes(10));
    await db.query(
      `INSERT INTO runs (id, partition, sequence, project_id, workflow_id, version_id, create_time, event_falls_back_to_body,
         wants_answer, wants_end, gateway, trigger_kind, trace_parent, trace_id, event, context)
       VALUES ($1, 0, 1, $2, $2, $2, now(), false, false, false, '', 'api', '', '', '', '')`,
      [runId, house.projectId],
    );
    return runId;
  }

  function tokenOf(runId: string, assignment = 1, projectId = house.projectId): string {
    const expiresAtMs = Date.now() + 60_000;
    return encodeRunToken(
      { projectId, workflowId: "w", versionId: "v", runId, assignment, runner: "runner", expiresAtMs },
      mac,
    );
  }

  let number = 0;

  function ask(runToken: string, method: string, request: unknown, given: Partial<control.CallRequest> = {}) {
    const message = { runToken, path: "steps/0", execution: 1, number: ++number, method };
    const requestJson = Buffer.from(JSON.stringify(request));
    return house.channels
      .call()
      .request({ ...message, requestJson, body: Buffer.alloc(0), ...given }, { timeoutMs: 5_000 });
  }

  const increment = { store: "counts", operations: [{ kind: "increment", key: "n", amount: "1" }] };
  const refused = (reason: string) => (thrown: unknown) => thrown instanceof PlatformError && thrown.reason === reason;

  async function counted(): Promise<string> {
    const client = house.client(dataStoreApi.DataStoreServiceService);
    return (await client.getDataStoreRecord({ parent: "dataStores/counts", key: "n" })).valueJson;
  }

  test("a copy of a write that reaches another gateway changes nothing and brings the same", async () => {
    const token = tokenOf(await makeRun());
    const copies = await Promise.all(
      Array.from({ length: 6 }, () => ask(token, "store.write", increment, { number: 1000 })),
    );
    assert.deepEqual(new Set(copies.map(({ body }) => body.toString())), new Set(["1"]));
    assert.equal(await counted(), "1");
  });

  test("a stale assignment cannot write, and neither can one whose run is over", async () => {
    const runId = await makeRun();
    await ask(tokenOf(runId), "store.write", increment);
    const before = await counted();
    await db.query("UPDATE runs SET assignment = 2 WHERE id = $1", [runId]);
    await assert.rejects(ask(tokenOf(runId), "store.write", increment), refused("ASSIGNMENT_STALE"));
    await assert.rejects(
      ask(tokenOf(runId), "store.clear", { store: "counts", after: "" }),
      refused("ASSIGNMENT_STALE"),
    );
    assert.equal(await counted(), before);
    await ask(tokenOf(runId, 2), "store.write", increment);
    await db.query("DELETE FROM runs WHERE id = $1", [runId]);
    await assert.rejects(ask(tokenOf(runId, 2), "store.write", increment), refused("ASSIGNMENT_STALE"));
    assert.equal(Number(await counted()), Number(before) + 1);
  });

  test("no run reaches another project's stores, whatever it says", async () => {
    const other = await house.store.projects.ensure("other");
    const token = tokenOf(await makeRun(), 1, other.id);
    const { responseJson } = await ask(token, "store.keys", {
      store: "counts",
      prefix: "",
      after: "",
      project: "default",
    });
    assert.deepEqual(JSON.parse(responseJson.toString()), { keys: [], more: false });
    const forged = `${token.slice(0, -4)}AAAA`;
    await assert.rejects(ask(forged, "store.keys", { store: "counts" }), refused("RUN_TOKEN_INVALID"));
  });

  test("what makes no sense is refused with its reason and changes nothing", async () => {
    const token = tokenOf(await makeRun());
    const before = await counted();
    const set = (fields: object) => ({ store: "counts", operations: [{ kind: "set", key: "n", size: 1, ...fields }] });
    const bad: [object, string][] = [
      [{ ...increment, store: "../x" }, "9"],
      [{ store: "counts", operations: [] }, "9"],
      [{ store: "counts", operations: "all" }, "9"],
      [{ store: "counts", operations: Array.from({ length: 1001 }, () => increment.operations[0]) }, ""],
      [{ store: "counts", operations: [{ kind: "drop", key: "n" }] }, ""],
      [{ store: "counts", operations: [{ kind: "increment", key: "n", amount: "1; DROP" }] }, ""],
      [{ store: "counts", operations: [{ kind: "increment", key: "n", amount: "NaN" }] }, ""],
      [set({ size: 2 }), "9"],
      [set({ size: -1 }), "9"],
      [set({}), "x"],
      [set({}), " 9"],
      [set({ key: "" }), "9"],
      [set({ key: "\ud800" }), "9"],
      [set({ key: "k".repeat(1025) }), "9"],
      [set({ ttl: 0 }), "9"],
      [set({ ttl: 1e300 }), "9"],
      [set({ ttl: "1" }), "9"],
      [
        {
          store: "counts",
          operations: [
            { kind: "set", key: "n", size: 1 },
            { kind: "check", key: "n" },
          ],
        },
        "9",
      ],
      [{ store: "counts", operations: [{ kind: "append", key: "n", size: 3 }] }, "1],"],
    ];
    for (const [request, body] of bad) {
      const asked = ask(token, "store.write", request, { body: Buffer.from(body) });
      await assert.rejects(asked, refused("INVALID_CALL"), JSON.stringify(request).slice(0, 200));
    }
    const late = ask(token, "store.write", increment, { number: 1_000_001 });
    await assert.rejects(late, refused("TOO_MANY_WRITES"));
    assert.equal(await counted(), before);
  });
});

describe("DataStoreService", () => {
  let house: TestGateways;
  const parent = "dataStores/crm";
  const none = { expireTime: undefined, ttl: undefined };

  before(async () => {
    house = await startTestGateways(1, { MILLRACE_DATA_STORE_BYTES_MAX: "4096" });
  });
  after(() => house?.close());

  test("writes, reads, lists and deletes records of the key's own project", async () => {
    const stores = house.client(dataStoreApi.DataStoreServiceService);
    const records = ["a", "b/1", "b/2", "ü"].map((key, n) => ({ key, valueJson: ` ${n}.0 `, ...none }));
    await stores.setDataStoreRecords({
      parent,
      records: [...records, { ...records[0]!, key: "short", ttl: { seconds: 60, nanos: 0 } }],
    });
    assert.equal((await stores.getDataStoreRecord({ parent, key: "b/1" })).valueJson, "1.0", "as it was written");
    const ends = (await stores.getDataStoreRecord({ parent, key: "short" })).expireTime!.getTime() - Date.now();
    assert.ok(ends > 50_000 && ends <= 60_000);
    const list = (given: object) =>
      stores.listDataStoreRecords({ parent, prefix: "", keysOnly: true, pageSize: 2, pageToken: "", ...given });
    const first = await list({});
    const second = await list({ pageToken: first.nextPageToken });
    const third = await list({ pageToken: second.nextPageToken, keysOnly: false });
    const keys = [first, second, third].flatMap((page) => page.records.map(({ key }) => key));
    assert.deepEqual([keys, third.nextPageToken], [["a", "b/1", "b/2", "short", "ü"], ""]);
    assert.deepEqual(
      (await list({ prefix: "b/", pageSize: 9 })).records.map(({ key }) => key),
      ["b/1", "b/2"],
    );
    await stores.deleteDataStoreRecord({ parent, key: "a" });
    await assert.rejects(stores.deleteDataStoreRecord({ parent, key: "a" }), { reason: "RECORD_NOT_FOUND" });
    const [listed] = (await stores.listDataStores({ pageSize: 0, pageToken: "" })).dataStores;
    assert.deepEqual([listed!.name, listed!.recordCount], [parent, 4]);
    const others = house.client(dataStoreApi.DataStoreServiceService, { token: house.otherKey });
    assert.deepEqual((await others.listDataStores({ pageSize: 0, pageToken: "" })).dataStores, []);
    await assert.rejects(others.getDataStoreRecord({ parent, key: "b/1" }), { reason: "RECORD_NOT_FOUND" });
    await stores.deleteDataStore({ name: parent });
    await assert.rejects(stores.deleteDataStore({ name: parent }), { reason: "DATA_STORE_NOT_FOUND" });
  });

  test("refuses what it cannot keep, all of it", async () => {
    const stores = house.client(dataStoreApi.DataStoreServiceService);
    const good = { key: "good", valueJson: "1", ...none };
    const write = (record: object) => stores.setDataStoreRecords({ parent, records: [good, { ...good, ...record }] });
    for (const bad of [
      { key: "" },
      { key: "k".repeat(1025) },
      { valueJson: "{" },
      { valueJson: "" },
      { ttl: { seconds: 0, nanos: 0 } },
    ]) {
      await assert.rejects(
        write(bad),
        { kind: "InvalidArgument", reason: "INVALID_RECORD" },
        JSON.stringify(bad).slice(0, 80),
      );
    }
    await assert.rejects(write({ valueJson: `"${"x".repeat(5000)}"` }), {
      kind: "ResourceExhausted",
      reason: "STORE_FULL",
    });
    await assert.rejects(stores.setDataStoreRecords({ parent: "dataStores/../x", records: [good] }), {
      reason: "INVALID_NAME",
    });
    await assert.rejects(stores.setDataStoreRecords({ parent, records: [] }), { reason: "INVALID_RECORD" });
    await assert.rejects(stores.getDataStoreRecord({ parent, key: "good" }), { reason: "RECORD_NOT_FOUND" });
  });
});
