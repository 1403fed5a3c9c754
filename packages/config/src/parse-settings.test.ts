import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { PlatformError } from "@millrace/core";
import { helpText } from "./help-text.ts";
import { flagOf, parseSettings } from "./parse-settings.ts";
import { choice, flag, integer, list, optionalText, optionalUrl, requiredText, text, url } from "./setting.ts";

const table = {
  port: integer({ env: "MILLRACE_HTTP_PORT", description: "A port.", default: 8080, min: 0, max: 65_535 }),
  host: text({ env: "MILLRACE_HOST", description: "An address.", default: "127.0.0.1" }),
  key: requiredText({
    env: "MILLRACE_KEY",
    description: "A key.",
    pattern: /^[0-9a-f]{4}$/,
    range: "4 hex digits",
    secret: true,
  }),
  nickname: optionalText({ env: "MILLRACE_NICKNAME", description: "A name." }),
  level: choice({ env: "MILLRACE_LEVEL", description: "A level.", words: ["low", "high"], default: "low" }),
  strict: flag({ env: "MILLRACE_STRICT", description: "A switch.", default: false }),
  nats: url({ env: "MILLRACE_NATS", description: "Servers.", schemes: ["nats"], default: "nats://127.0.0.1:4222" }),
  trace: optionalUrl({ env: "OTEL_ENDPOINT", description: "A receiver.", schemes: ["http", "https"] }),
  minors: list({
    env: "MILLRACE_MINORS",
    description: "Minors.",
    default: ["3.11"],
    pattern: /^3\.\d+$/,
    range: "such as 3.11",
  }),
} as const;

const key = { MILLRACE_KEY: "0aff" };

function problemsOf(run: () => unknown): Record<string, string> {
  try {
    run();
  } catch (thrown) {
    assert.ok(thrown instanceof PlatformError);
    assert.equal(thrown.reason, "INVALID_SETTINGS");
    return { ...thrown.metadata };
  }
  return assert.fail("the settings were taken");
}

describe("settings", () => {
  test("have their defaults, frozen and typed", () => {
    const settings = parseSettings(table, { env: key, args: [] });
    const port: number = settings.port;
    const nickname: string | undefined = settings.nickname;
    assert.deepEqual(
      { ...settings, port, nickname },
      {
        port: 8080,
        host: "127.0.0.1",
        key: "0aff",
        nickname: undefined,
        level: "low",
        strict: false,
        nats: "nats://127.0.0.1:4222",
        trace: undefined,
        minors: ["3.11"],
      },
    );
    assert.ok(Object.isFrozen(settings));
  });

  test("come from the environment, and flags win", () => {
    const env = {
      ...key,
      MILLRACE_HTTP_PORT: "1",
      MILLRACE_LEVEL: "high",
      MILLRACE_STRICT: "yes",
      MILLRACE_MINORS: "3.11, 3.12",
    };
    const settings = parseSettings(table, { env, args: ["--http-port", "2", "--host=::1", "--strict"] });
    assert.deepEqual([settings.port, settings.host, settings.level, settings.strict], [2, "::1", "high", true]);
    assert.deepEqual(settings.minors, ["3.11", "3.12"]);
  });

  test("count an empty variable as unset", () => {
    assert.equal(parseSettings(table, { env: { ...key, MILLRACE_HTTP_PORT: "" }, args: [] }).port, 8080);
  });

  test("are all checked before anybody is told", () => {
    const env = {
      MILLRACE_KEY: "nothex",
      MILLRACE_HTTP_PORT: "70000",
      MILLRACE_LEVEL: "middle",
      MILLRACE_STRICT: "maybe",
      MILLRACE_NATS: "nats://ok:1,http://no",
      OTEL_ENDPOINT: "nonsense",
      MILLRACE_MINORS: "2.7",
    };
    const problems = problemsOf(() => parseSettings(table, { env, args: ["--unknown", "--host"] }));
    const names = ["--host", "--unknown", "MILLRACE_HTTP_PORT", "MILLRACE_KEY", "MILLRACE_LEVEL", "MILLRACE_MINORS"];
    assert.deepEqual(
      Object.keys(problems).sort(),
      [...names, "MILLRACE_NATS", "MILLRACE_STRICT", "OTEL_ENDPOINT"].sort(),
    );
    assert.match(problems["MILLRACE_HTTP_PORT"]!, /0 to 65535/);
    assert.ok(!JSON.stringify(problems).includes("nothex"), "a problem shows a secret");
  });

  test("say what is missing", () => {
    assert.match(problemsOf(() => parseSettings(table, { env: {}, args: [] }))["MILLRACE_KEY"]!, /is missing/);
  });

  test("must go together", () => {
    const fits = { env: "MILLRACE_FEW", description: "Few.", default: 1, min: 0, max: 9 };
    const pair = {
      few: integer({
        ...fits,
        fits: ({ few, many }) => (Number(few) < Number(many) ? undefined : "must be less than many"),
      }),
      many: integer({ env: "MILLRACE_MANY", description: "Many.", default: 5, min: 0, max: 9 }),
    };
    assert.equal(parseSettings(pair, { env: { MILLRACE_FEW: "4" }, args: [] }).few, 4);
    const tooMany = problemsOf(() => parseSettings(pair, { env: { MILLRACE_FEW: "5" }, args: [] }));
    assert.deepEqual(tooMany, { MILLRACE_FEW: "must be less than many" });
  });

  test("refuse numbers that are none", () => {
    for (const value of ["1e3", "0x10", "1.5", "", " ", "99999999999999999999", "-1", "NaN"]) {
      const run = (): unknown => parseSettings(table, { env: key, args: [`--http-port=${value}`] });
      assert.ok(problemsOf(run)["MILLRACE_HTTP_PORT"], `"${value}" was taken`);
    }
  });

  test("take secrets from files, never from flags", () => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-settings-"));
    writeFileSync(join(folder, "key"), "beef\n");
    const env = { MILLRACE_KEY_FILE: join(folder, "key") };
    assert.equal(parseSettings(table, { env, args: [] }).key, "beef");
    assert.equal(parseSettings(table, { env: { ...env, ...key }, args: [] }).key, "0aff");
    assert.match(problemsOf(() => parseSettings(table, { env, args: ["--key", "0aff"] }))["--key"]!, /process list/);
    rmSync(folder, { recursive: true });
    assert.match(problemsOf(() => parseSettings(table, { env, args: [] }))["MILLRACE_KEY"]!, /cannot be read/);
  });

  test("have flags that follow from their variables", () => {
    assert.equal(flagOf(table.port), "--http-port");
    assert.equal(flagOf(table.trace), "--otel-endpoint");
  });

  test("are explained by --help without a secret's flag", () => {
    const help = helpText("gateway", table);
    assert.match(help, /MILLRACE_HTTP_PORT {2}--http-port\n {6}A port\. \[default 8080; 0 to 65535\]/);
    assert.match(help, /MILLRACE_KEY {2}\(or MILLRACE_KEY_FILE\)/);
    assert.ok(!help.includes("--key"));
  });
});
