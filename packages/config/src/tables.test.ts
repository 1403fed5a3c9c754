import assert from "node:assert/strict";
import { test } from "node:test";
import { gatewaySettings, parseSettings, runnerSettings, schedulerSettings, type SettingTable } from "./index.ts";

const tables: Record<string, SettingTable> = {
  gateway: gatewaySettings,
  scheduler: schedulerSettings,
  runner: runnerSettings,
};

test("every default is one that would be accepted", () => {
  for (const [role, table] of Object.entries(tables)) {
    for (const [name, setting] of Object.entries(table)) {
      if (setting.defaultText === undefined || setting.defaultText === "") continue;
      assert.deepEqual(setting.parse(setting.defaultText), setting.defaultValue, `${role}.${name}`);
    }
  }
});

test("no two settings of a process share a variable, and one variable means the same in all", () => {
  const known = new Map<string, unknown>();
  for (const table of Object.values(tables)) {
    const variables = Object.values(table).map(({ env }) => env);
    assert.equal(new Set(variables).size, variables.length);
    for (const setting of Object.values(table))
      assert.equal(known.get(setting.env) ?? setting, known.set(setting.env, setting).get(setting.env));
  }
});

test("every description is a sentence", () => {
  for (const setting of Object.values(tables).flatMap((table) => Object.values(table))) {
    assert.match(setting.description, /^[A-Z`].*[.]$/s, setting.env);
  }
});

test("a process starts with nothing but what is required", () => {
  const database = { MILLRACE_DATABASE_URL: "postgres://u:p@localhost/db", MILLRACE_TOKEN_KEY: "00".repeat(32) };
  const gateway = { ...database, MILLRACE_MASTER_KEY: "01".repeat(32) };
  assert.equal(parseSettings(gatewaySettings, { env: gateway, args: [] }).httpWaitMs, 30_000);
  assert.equal(parseSettings(schedulerSettings, { env: database, args: [] }).leaseTtlMs, 2_000);
  assert.equal(parseSettings(runnerSettings, { env: { MILLRACE_DATA_DIR: "/tmp/x" }, args: [] }).pool, "default");
});

test("a runner knows neither the database nor the keys of the house, and a scheduler not the master key", () => {
  const variables = Object.values(runnerSettings).map(({ env }) => env as string);
  for (const forbidden of ["MILLRACE_DATABASE_URL", "MILLRACE_TOKEN_KEY", "MILLRACE_MASTER_KEY"])
    assert.ok(!variables.includes(forbidden));
  assert.ok(!Object.keys(schedulerSettings).includes("masterKey"));
});
