import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Bus, openChannels } from "./index.ts";

/** Channels whose messages have longer names than themselves. */
const LONG_NAMES: Readonly<Record<string, string>> = {
  version: "GetVersion",
  environment: "GetEnvironment",
  check: "CheckSources",
  definitions: "DefinitionsChanged",
  callOf: "Call",
  drain: "DrainRunner",
  poolLoads: "GetPoolLoads",
  join: "IssueCredential",
  renewCredential: "IssueCredential",
};

test("every kind of message has its row in the table of messages", () => {
  const page = readFileSync(new URL("../../../docs/reference/messages.md", import.meta.url), "utf8");
  const channels = openChannels(new Bus({ url: "nats://127.0.0.1:1", name: "unconnected" }));
  for (const name of Object.keys(channels)) {
    const message = LONG_NAMES[name] ?? name.charAt(0).toUpperCase() + name.slice(1);
    const rows = page.split("\n").filter((line) => line.startsWith(`| \`${message}\` |`));
    assert.equal(rows.length, 1, `${message} has ${rows.length} rows`);
    assert.ok(!rows[0]!.includes("|  |"), `${message} has an empty cell`);
  }
});
