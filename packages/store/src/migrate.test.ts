import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { RELEASE } from "@millrace/core";
import { scratchFolder, scratchPostgres } from "@millrace/testkit";
import pg from "pg";
import { migrate } from "./migrate.ts";
import { sessionName } from "./sessions.ts";
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
    await query(url, "UPDATE migrations SET oldest_beside = '99.0.0' WHERE number = 9999");
    await assert.rejects(openStore({ url }), { reason: "SCHEMA_TOO_NEW" });
    await query(url, `UPDATE migrations SET oldest_beside = '${RELEASE}' WHERE number = 9999`);
    await (await openStore({ url })).close();
    await migrate(url);
    await query(url, "UPDATE migrations SET kind = 'post' WHERE number = 9999");
    await assert.rejects(openStore({ url }), { reason: "SCHEMA_TOO_NEW" }, "what was taken away is gone");
  });

  it("says that the database cannot be reached", async () => {
    const url = "postgres://nobody@127.0.0.1:1/nothing";
    for (const failing of [openStore({ url }), migrate(url)]) {
      await assert.rejects(failing, { kind: "Unavailable", reason: "DATABASE_UNAVAILABLE" });
    }
  });

  it("does what comes before and what comes after in phases of their own, and all of it on a new database", async () => {
    const url = await (await scratchPostgres()).createDatabase();
    await migrate(url);
    const folder = nextRelease({
      "9000.pre.adds": "CREATE TABLE added (a int)",
      "9001.post.takes": "DROP TABLE added",
    });
    await assert.rejects(migrate(url, { folder, phase: "post" }), { reason: "SCHEMA_TOO_OLD" });
    const before = await migrate(url, { folder, phase: "pre" });
    assert.deepEqual(before, { applied: ["9000 pre adds"], pending: ["9001 post takes"] });
    const another = nextRelease({ "9000.pre.adds": "", "9001.post.takes": "", "9002.pre.more": "SELECT 1" });
    await assert.rejects(migrate(url, { folder: another, phase: "pre" }), { reason: "UPGRADE_NOT_FINISHED" });
    const after = await migrate(url, { folder, phase: "post", quietMs: 0 });
    assert.deepEqual(after, { applied: ["9001 post takes"], pending: [] });
    assert.deepEqual(await query(url, "SELECT release FROM migrations WHERE number > 8999"), [
      { release: RELEASE },
      { release: RELEASE },
    ]);
    const fresh = await (await scratchPostgres()).createDatabase();
    assert.deepEqual((await migrate(fresh, { folder, phase: "pre" })).pending, []);
  });

  it("takes nothing away while a process of an older release is connected, and nothing at all beside one that is too old", async () => {
    const url = await (await scratchPostgres()).createDatabase();
    await migrate(url);
    const folder = nextRelease({ "9000.pre.adds": "SELECT 1", "9001.post.takes": "SELECT 1" });
    const beside = await connect(url, sessionName("gateway", "of-this-release"));
    const old = await connect(url, "millrace scheduler of-the-first-release");
    await assert.rejects(migrate(url, { folder, phase: "pre" }), {
      reason: "UPGRADE_NEEDS_STOP",
      message: /scheduler of-the-first-release of 0\.1\.0/,
    });
    await old.end();
    await migrate(url, { folder, phase: "pre" });
    const older = await connect(url, "millrace 0.1.9 gateway left");
    await assert.rejects(migrate(url, { folder, phase: "post", waitMs: 0 }), {
      reason: "OLD_PROCESSES_AT_WORK",
      message: /gateway left of 0\.1\.9/,
    });
    const waited: string[] = [];
    const done = migrate(url, {
      ...{ folder, phase: "post", waitMs: 60_000, quietMs: 10 },
      onWait: ([session]) => {
        waited.push(session!.process);
        void older.end();
      },
    });
    assert.deepEqual((await done).applied, ["9001 post takes"]);
    assert.equal(waited[0], "gateway left");
    await beside.end();
  });

  /** The migrations of today and further ones. */
  function nextRelease(further: Readonly<Record<string, string>>): URL {
    const folder = mkdtempSync(join(scratchFolder(), "migrations-"));
    cpSync(FOLDER, folder, { recursive: true });
    for (const [name, sql] of Object.entries(further)) writeFileSync(join(folder, `${name}.sql`), sql);
    return pathToFileURL(`${folder}/`);
  }

  async function connect(url: string, name: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url, application_name: name });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  }
});
