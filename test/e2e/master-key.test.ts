import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { createVault } from "@millrace/store";
import { TestHouse } from "../harness/test-house.ts";

let house: TestHouse;

before(async () => {
  house = await TestHouse.start();
});
after(() => house?.stop());

/** The environment that a process of the house was started with. */
function environmentOf(pid: number): string {
  return readFileSync(`/proc/${pid}/environ`, "utf8");
}

test("a new master key, and what was plain before there was one, at the next start", async () => {
  const file = join(house.data, "master-key");
  const [old, next] = [readFileSync(file, "utf8").trim(), randomBytes(32).toString("hex")];
  await house.cliJson(["env", "set", "SEALED"], { stdin: "sealed under the old key" });
  const source = "import os\ndef handler(pd):\n    return [len(os.environ[name]) for name in ('SEALED', 'PLAIN')]\n";
  await house.deploy({ name: "secrets", trigger: { http: {} }, steps: { code: source } });
  const database = await house.connectDatabase();
  await database.query(
    "INSERT INTO variables (project_id, name, value, secret) SELECT id, 'PLAIN', 'plain as it was', true FROM projects",
  );
  await database.end();
  writeFileSync(file, `${next},${old}\n`);
  house = await house.restart();
  const again = await house.connectDatabase();
  const { rows } = await again.query<{ project_id: string; name: string; value: string | null; sealed: Buffer }>(
    "SELECT project_id, name, value, sealed FROM variables ORDER BY name",
  );
  await again.end();
  const vault = createVault(next);
  const opened = rows.map(({ project_id, name, value, sealed }) => [
    ...[name, value],
    vault.open(["variable", project_id, name], sealed),
  ]);
  assert.deepEqual(opened, [
    ["PLAIN", null, "plain as it was"],
    ["SEALED", null, "sealed under the old key"],
  ]);
  assert.deepEqual((await house.run("secrets")).steps[0]?.returnValue, [24, 15]);
});

test("no process but the one that is the gateway is given the master key", async () => {
  const processes = await house.processes();
  const holders = processes.filter(({ pid }) => pid !== null && environmentOf(pid).includes("MILLRACE_MASTER_KEY"));
  assert.deepEqual(
    holders.map(({ role }) => role),
    ["hub"],
  );
  assert.ok(processes.length >= 5, JSON.stringify(processes));
});
