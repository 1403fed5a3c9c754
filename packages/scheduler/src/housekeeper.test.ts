import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PlatformError } from "@millrace/core";
import type { Store } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";
import { Housekeeper } from "./housekeeper.ts";

describe("the housekeeping", () => {
  it("does everything else when one task fails, and says which", async () => {
    const done: string[] = [];
    const logged: unknown[] = [];
    const task = (name: string, count: number) => (): Promise<number> => {
      done.push(name);
      return Promise.resolve(count);
    };
    const housekeeping = {
      ensureHistoryPartitions: task("days", 0),
      alone: <T>(work: () => Promise<T>) => work(),
      keepHistory: () => Promise.reject(new PlatformError("Unavailable", "DATABASE_UNAVAILABLE", "no lock")),
      pruneKeys: task("keys", 1),
      pruneSessions: task("sessions", 0),
      pruneTests: task("tests", 0),
      pruneCommitters: task("committers", 0),
      collectObjects: task("objects", 2),
      collectDataStores: task("records", 3),
      buildIndexes: task("indexes", 0),
      recountStorage: task("storage", 0),
    };
    const log = {
      info: (_event: string, fields: object) => void logged.push(fields),
      warn: (event: string, { task }: { task: string }) => void logged.push([event, task]),
    } as Partial<Logger> as Logger;
    const store = { housekeeping } as unknown as Store;
    const keeper = new Housekeeper(store, log, {
      historyDays: 30,
      historyRuns: 0,
      historyDaysMax: 100,
      objectGraceMs: 1000,
    });
    keeper.start();
    await keeper.stop();
    assert.deepEqual(done, [
      "days",
      "keys",
      "sessions",
      "tests",
      "committers",
      "objects",
      "records",
      "indexes",
      "storage",
    ]);
    assert.deepEqual(logged, [
      ["housekeeping.failed", "history"],
      { dropped: [], runs: 0, keys: 1, objects: 2, records: 3 },
    ]);
  });
});
