import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { runCli, TestHouse } from "../harness/test-house.ts";

describe("two houses on one machine", () => {
  let one: TestHouse;
  let other: TestHouse;

  before(async () => {
    one = await TestHouse.start();
    other = await TestHouse.start();
  });
  after(() => Promise.all([one?.stop(), other?.stop()]));

  test("each has its own workflows, runs and keys", async () => {
    const source = (house: string): string => `def handler(pd):\n    return '${house}'\n`;
    await one.deploy({ name: "where", trigger: { http: {} }, steps: { work: source("one") } });
    await other.deploy({ name: "where", trigger: { http: {} }, steps: { work: source("other") } });
    assert.equal((await one.run("where")).steps[0]?.returnValue, "one");
    assert.equal((await other.run("where")).steps[0]?.returnValue, "other");
    assert.equal((await one.cliJson<unknown[]>(["runs"])).length, 1);
    const wrongKey = await runCli(["--url", one.url, "--key", other.apiKey, "workflows", "--json"]);
    assert.equal(wrongKey.code, 4);
  });

  test("a second house in the same data folder says that one is running", async () => {
    const second = await one.cli(["dev", "--port", "0"]);
    assert.notEqual(second.code, 0);
    const again = await one.cli(["dev", "--json"]);
    assert.equal((again.json as { error?: { reason?: string } }).error?.reason, "ALREADY_RUNNING");
  });

  test("status names every process, each with a pid, and all are ready", async () => {
    const processes = await one.processes();
    assert.deepEqual([...new Set(processes.map(({ role }) => role))].toSorted(), [
      "hub",
      "nats",
      "postgres",
      "runner",
      "worker",
    ]);
    assert.ok(
      processes.every(({ pid, ready }) => ready && Number(pid) > 0),
      JSON.stringify(processes),
    );
  });
});
