import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { isAlive, isNatsReady, waitUntil } from "@millrace/provision";
import { Client } from "pg";
import { scratchPostgres } from "./scratch-postgres.ts";
import { startScratchNats } from "./scratch-nats.ts";

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test("databases of one server are separate, and a prepared one is filled once and copied", async () => {
  const postgres = await scratchPostgres();
  let prepared = 0;
  const prepare = async (url: string): Promise<void> => {
    prepared++;
    await query(url, "CREATE TABLE t AS SELECT 7 AS n");
  };
  const [first, second, empty] = await Promise.all([
    postgres.createDatabase(prepare),
    postgres.createDatabase(prepare),
    postgres.createDatabase(),
  ]);
  await query(first, "DELETE FROM t");
  assert.deepEqual(await query(second, "SELECT n FROM t"), [{ n: 7 }]);
  await assert.rejects(query(empty, "SELECT n FROM t"), /does not exist/);
  assert.equal(prepared, 1);
});

test("a Postgres that crashed starts again with its data", async () => {
  const postgres = await scratchPostgres();
  const url = await postgres.createDatabase();
  await query(url, "CREATE TABLE kept AS SELECT 1 AS n");
  await postgres.stop("SIGQUIT");
  await postgres.restart();
  assert.deepEqual(await query(url, "SELECT n FROM kept"), [{ n: 1 }]);
});

test("a NATS server stops, and starts again on its port", async () => {
  const nats = await startScratchNats();
  await nats.stop();
  assert.equal(await isNatsReady(nats.port), false);
  await nats.restart();
  assert.equal(await isNatsReady(nats.port), true);
});

test("a test process that is killed leaves no server behind", async () => {
  const script = `
    import { startScratchNats } from ${JSON.stringify(join(import.meta.dirname, "scratch-nats.ts"))};
    import { scratchPostgres } from ${JSON.stringify(join(import.meta.dirname, "scratch-postgres.ts"))};
    import { readFileSync } from "node:fs";
    await Promise.all([startScratchNats(), scratchPostgres()]);
    const pids = readFileSync("/proc/self/task/" + process.pid + "/children", "utf8").trim().split(" ");
    process.stdout.write(pids.join(" "), () => process.kill(process.pid, "SIGKILL"));`;
  const run = promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
  const { stdout } = await run.catch((error: { stdout: string }) => error);
  const pids = stdout.split(" ").map(Number);
  assert.equal(pids.length, 2);
  await waitUntil(() => !pids.some((pid) => isAlive(pid)), { what: "end of the servers", timeoutMs: 10_000 });
  assert.equal(existsSync(`/proc/${pids[0]}/exe`), false);
});
