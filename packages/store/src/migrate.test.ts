import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { scratchPostgres } from "@millrace/testkit";
import pg from "pg";
import { migrate } from "./migrate.ts";
import { openStore } from "./store.ts";

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

const FOLDER = new URL("../migrations/", import.meta.url);

describe("migration", () => {
  it("is never edited once it is released: a change is a further file, with its own line in checksums.txt", () => {
    const sums = readFileSync(new URL("checksums.txt", FOLDER), "utf8").trim().split("\n");
    const files = readdirSync(FOLDER).filter((file) => file.endsWith(".sql"));
    const now = files.map((file) => {
      const sum = createHash("sha256").update(readFileSync(new URL(file, FOLDER)));
      return `${sum.digest("hex")}  ${file}`;
    });
    assert.deepEqual(now.sort(), sums.sort());
  });

  it("may run in several processes at once, and again", async () => {
    const url = await (await scratchPostgres()).createDatabase();
    await Promise.all([1, 2, 3].map(() => migrate(url, { partitionCount: 8 })));
    const before = await query(url, "SELECT id, partition_count FROM house");
    await migrate(url, { partitionCount: 99 });
    assert.deepEqual(await query(url, "SELECT id, partition_count FROM house"), before, "the count is fixed for good");
    const store = await openStore({ url });
    assert.equal(await store.partitions.count(), 8);
    assert.deepEqual(
      [...(await store.partitions.take([0, 7, 8])).keys()].sort((a, b) => a - b),
      [0, 7],
    );
    await store.close();
  });

  it("refuses a database that a newer release has migrated, and one that lacks migrations", async () => {
    const url = await (await scratchPostgres()).createDatabase();
    await assert.rejects(openStore({ url }), { kind: "FailedPrecondition", reason: "SCHEMA_TOO_OLD" });
    await migrate(url);
    await query(url, "INSERT INTO migrations (number, kind, name) VALUES (9999, 'pre', 'from-the-future')");
    await assert.rejects(openStore({ url }), { reason: "SCHEMA_TOO_NEW" });
    await assert.rejects(migrate(url), { reason: "SCHEMA_TOO_NEW" });
  });

  it("says that the database cannot be reached", async () => {
    const url = "postgres://nobody@127.0.0.1:1/nothing";
    for (const failing of [openStore({ url }), migrate(url)]) {
      await assert.rejects(failing, { kind: "Unavailable", reason: "DATABASE_UNAVAILABLE" });
    }
  });
});
