import assert from "node:assert/strict";
import { it } from "node:test";
import type { CommitBatch } from "@millrace/core";
import { scratchPostgres } from "@millrace/testkit";
import {
  createAccept,
  createEnd,
  createScratchHouse,
  createStep,
  waitUntil,
  type Writer,
} from "../../test/scratch-house.ts";
import type { RecordedOutcome } from "../ports.ts";

/** As schedulers do: the same batch again until its outcome is known. */
async function commitUntilKnown(writer: Writer, batch: CommitBatch): Promise<RecordedOutcome> {
  let outcome: RecordedOutcome | undefined;
  await waitUntil("a commit", async () => {
    outcome = await writer.committer.commit(batch).catch((thrown: { reason?: string }) => {
      assert.equal(thrown.reason, "RECORD_UNAVAILABLE");
      return undefined;
    });
    return outcome !== undefined;
  });
  return outcome!;
}

it("every outcome that a scheduler got is in the record once, however often Postgres is killed between", async () => {
  const server = await scratchPostgres();
  await using house = await createScratchHouse();
  const writer = await house.createWriter([3, 4], { statementTimeoutMs: 2_000 });
  let stop = false;
  const ended = new Set<string>();
  const accepted = new Set<string>();
  const committing = (async () => {
    let open = [] as ReturnType<typeof createAccept>[];
    while (!stop) {
      const fresh = Array.from({ length: 5 }, (_, index) => createAccept(house.spec, { partition: 3 + (index % 2) }));
      const ends = open.map((run) => createEnd(run, { step: createStep(0) }));
      const outcome = await commitUntilKnown(writer, writer.batch(...fresh, ...ends));
      assert.deepEqual([...outcome.failed.keys(), ...outcome.refused], []);
      for (const [id, { kind }] of outcome.accepts) {
        assert.equal(kind, "inserted");
        accepted.add(id);
      }
      for (const { runId } of ends) ended.add(runId);
      open = fresh;
    }
  })();
  for (let round = 0; round < 3; round++) {
    const before = accepted.size;
    await waitUntil("twenty more runs", async () => accepted.size >= before + 20);
    await server.stop(round === 1 ? "SIGQUIT" : "SIGKILL");
    await assert.rejects(house.store.ping(), { kind: "Unavailable", reason: "DATABASE_UNAVAILABLE" });
    await server.restart();
  }
  const before = accepted.size;
  await waitUntil("runs after the last crash", async () => accepted.size >= before + 20);
  stop = true;
  await committing;
  const { rows } = await (
    await house.connect()
  ).query<{ id: string; hot: boolean }>(
    "SELECT id, true AS hot FROM runs UNION ALL SELECT id, false FROM history_runs",
  );
  assert.equal(rows.length, accepted.size);
  assert.deepEqual(new Set(rows.map(({ id }) => id)), accepted);
  assert.deepEqual(new Set(rows.filter(({ hot }) => !hot).map(({ id }) => id)), ended);
});
