import assert from "node:assert/strict";
import { test } from "node:test";
import { PlatformError } from "@millrace/core";
import { createLogger, type Logger, type LogLevel } from "./logger.ts";

function capture(level: LogLevel = "debug"): { log: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({
    level,
    fields: { role: "gateway" },
    write: (line) => {
      assert.ok(line.endsWith("\n") && !line.slice(0, -1).includes("\n"), "a record is one line");
      lines.push(JSON.parse(line) as Record<string, unknown>);
    },
  });
  return { log, lines };
}

test("a record is one JSON line with time, level, event and fields", () => {
  const { log, lines } = capture();
  log.child({ partition: 3 }).info("run.accepted", { runId: "r\n1" });
  const { time, ...rest } = lines[0]!;
  assert.ok(!Number.isNaN(Date.parse(String(time))));
  assert.deepEqual(rest, { level: "info", event: "run.accepted", role: "gateway", partition: 3, runId: "r\n1" });
});

test("what is below the level is not written", () => {
  const { log, lines } = capture("warn");
  for (const level of ["debug", "info", "warn", "error"] as const) log[level]("some.event");
  assert.deepEqual(
    lines.map(({ level }) => level),
    ["warn", "error"],
  );
  assert.ok(!log.enabled("info") && log.enabled("error"));
});

test("an error is written with its reason and its causes", () => {
  const { log, lines } = capture();
  const cause = new TypeError("inside");
  log.error("commit.failed", {
    error: new PlatformError("Unavailable", "DATABASE_AWAY", "no", { cause, metadata: { a: "1" } }),
  });
  const error = lines[0]?.["error"] as Record<string, unknown>;
  assert.deepEqual([error["reason"], error["kind"], error["metadata"]], ["DATABASE_AWAY", "Unavailable", { a: "1" }]);
  assert.equal((error["cause"] as Record<string, unknown>)["message"], "inside");
});

test("no field loses the line", () => {
  const { log, lines } = capture();
  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  log.info("odd.fields", { cycle });
  log.info("odd.fields", {
    big: 10n,
    bytes: new Uint8Array(4),
    map: new Map([["a", 1]]),
    set: new Set([1]),
    long: "x".repeat(9_000),
  });
  assert.equal(lines[0]?.["event"], "odd.fields");
  assert.deepEqual(
    [lines[1]?.["big"], lines[1]?.["bytes"], lines[1]?.["map"], lines[1]?.["set"]],
    ["10", "4 bytes", { a: 1 }, [1]],
  );
  assert.equal(String(lines[1]?.["long"]).length, 8_193);
});
