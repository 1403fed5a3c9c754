import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { copyFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { scratchFolder } from "@millrace/testkit";
import { runCli, TestHouse } from "../harness/test-house.ts";
import { until } from "../harness/until.ts";

const WORK = `def handler(pd):
    ds = pd.inputs["data_store"]
    ds.increment("runs")
    return "done"
`;

const SAVE = `def handler(pd):
    with open("/tmp/kept", "w") as kept:
        kept.write("across the pause")
    pd.flow.delay(3_600_000)
`;

const KEPT = `def handler(pd):
    return open("/tmp/kept").read()
`;

const READ = `import os

def handler(pd):
    return {
        "secret": len(os.environ["SECRET"]),
        "password": pd.inputs["db"]["$auth"]["password"][::-1],
        "kept": pd.inputs["data_store"]["kept"],
        "file": len(pd.files.open("notes.txt").open("rb").read()),
    }
`;

const LARGE = `def handler(pd):
    return "x" * 1_000_000
`;

describe("a backup of a house that is at work", () => {
  let house: TestHouse;
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(scratchFolder(), "backup-"));
    house = await TestHouse.start();
  });
  after(() => house?.stop());

  test("restored under a new name is the same house: what had ended is there, what had not goes on", async () => {
    const store = { data_store: { store: "counts" } };
    const { url } = await house.deploy({
      ...{ name: "work", trigger: { http: { respond: "immediate" } }, steps: { code: WORK }, inputs: { code: store } },
    });
    await house.deploy({ name: "pause", trigger: { http: {} }, steps: { save: SAVE, kept: KEPT } });
    const fields = ["host=db.local", "port=5432", "database=shop", "user=me"].flatMap((field) => ["--plain", field]);
    const account = ["account", "add", "postgresql", "shop", ...fields, "--field", "password"];
    await house.cliJson(account, { stdin: "password-of-shop\n" });
    const inputs = { code: { ...store, db: { account: "shop" } } };
    await house.deploy({ name: "read", trigger: { http: {} }, steps: { code: READ }, inputs });
    await house.deploy({ name: "large", trigger: { http: {} }, steps: { code: LARGE } });
    await house.cliJson(["env", "set", "SECRET"], { stdin: "sealed-secret" });
    await house.cliJson(["store", "set", "counts", "kept", '"value"']);
    const notes = randomBytes(600_000);
    await writeFile(join(folder, "notes.txt"), notes);
    await house.cliJson(["files", "put", join(folder, "notes.txt"), "notes.txt"]);
    const large = await house.run("large");
    const request = { parent: "workflows/pause", eventJson: "{}", requestId: "", waitTimeout: undefined };
    const paused = await house.client.runs.createRun(request);
    await until(async () => (await house.getRun(paused.id)).state === "SUSPENDED", 60_000);

    const acknowledged: string[] = [];
    let stop = false;
    const load = (async () => {
      for (let n = 0; !stop; n++) {
        const response = await fetch(url, { method: "POST", body: JSON.stringify({ n }) });
        if (response.status === 200) acknowledged.push(((await response.json()) as { run: string }).run);
      }
    })();
    await until(() => acknowledged.length > 20, 60_000);
    const before = [...acknowledged];
    const file = join(folder, "house.tar");
    const written = await house.cliJson<{ rows: Record<string, number> }>(["backup", "--to", file]);
    assert.ok((written.rows["workflows"] ?? 0) >= 4, JSON.stringify(written.rows));
    assert.equal((await stat(file)).mode & 0o777, 0o600, "only its owner reads it");
    stop = true;
    await load;
    assert.equal((await runCli(["restore", file, "--check", "--json"])).code, 0);

    const data = await mkdtemp(join(scratchFolder(), "restored-"));
    const restored = await runCli(["restore", file, "--data", data, "--json"]);
    assert.equal(restored.code, 0, restored.stdout + restored.stderr);
    assert.deepEqual((restored.json as { rows: unknown }).rows, written.rows);
    const again = await runCli(["restore", file, "--data", data, "--json"]);
    assert.equal(again.code, 7, "a house is never restored over another");
    await copyFile(join(house.data, "master-key"), join(data, "master-key"));
    await house.stop();

    house = await TestHouse.on(data);
    for (const id of before) {
      const { state, failure } = await house.waitRun(id);
      assert.equal(state, "SUCCEEDED", JSON.stringify(failure));
    }
    assert.equal((await house.getRun(paused.id)).state, "SUSPENDED");
    await house.client.runs.resumeRun({ name: `workflows/-/runs/${paused.id}`, dataJson: "" });
    assert.equal((await house.waitRun(paused.id)).steps[1]?.returnValue, "across the pause");
    const read = await house.run("read");
    const expected = { secret: 13, password: "pohs-fo-drowssap", kept: "value", file: 600_000 };
    assert.deepEqual(read.steps[0]?.returnValue, expected, JSON.stringify(read.failure));
    const value = join(folder, "value");
    await house.cliJson(["value", large.id, "--step", "code", "--returned", "--to", value]);
    assert.equal((await readFile(value, "utf8")).length, 1_000_002);
    const response = await fetch(house.url + new URL(url).pathname, { method: "POST", body: '{"n": 1}' });
    assert.equal(response.status, 200, "its triggers have the addresses that they had");
    await rm(folder, { recursive: true });
  });
});
