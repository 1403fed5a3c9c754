import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { partitionOf, type QueueQuery } from "@millrace/core";
import { createAccept, createEnd, createScratchHouse, createUpdate } from "../test/scratch-house.ts";

describe("parked runs", () => {
  it("stay out of what a takeover reads, are counted by workflow, and come in pages in the order in which they start", async () => {
    await using house = await createScratchHouse();
    const { workflowId } = house.spec;
    const partition = partitionOf(workflowId, 16);
    const writer = await house.createWriter([partition, (partition + 1) % 16]);
    const awake = createAccept(house.spec, { partition });
    const priorities = [0, 0, 7, 0, -7];
    const parked = priorities.map((priority) => createAccept(house.spec, { partition, parked: true, priority }));
    await writer.commit(awake, ...parked);
    const [a, b, first, c, last] = parked.map(({ runId }) => runId) as [string, string, string, string, string];

    const found = (await house.store.partitions.load(writer.epochs)).get(partition)!;
    assert.deepEqual(
      found.rows.map(({ runId }) => runId),
      [awake.runId],
    );
    const start = { priority: 7, sequence: parked[2]!.sequence };
    assert.deepEqual(found.queues, [{ workflowId, projectId: house.projectId, parked: 5, first: start }]);

    const epoch = writer.epochs.get(partition)!;
    const read = async (given: Partial<QueueQuery>) => {
      const query = { partition, epoch, workflowId, from: start, runsMax: 2, bytesMax: 1e6, ...given };
      const [page] = await house.store.partitions.pageQueues([query]);
      return page && { ids: page.rows.map(({ runId }) => runId), rows: page.rows, next: page.next };
    };
    const page = (await read({}))!;
    assert.deepEqual(page.ids, [first, a]);
    assert.deepEqual(page.next, { priority: 0, sequence: parked[1]!.sequence });
    assert.deepEqual([page.rows[0]!.priority, page.rows[0]!.parked, page.rows[0]!.state], [7, true, "PENDING"]);
    const rest = (await read({ from: page.next!, runsMax: 10 }))!;
    assert.deepEqual([rest.ids, rest.next], [[b, c, last], undefined]);
    assert.deepEqual((await read({ bytesMax: 1, runsMax: 10 }))!.ids, [first], "one, whatever its size");
    assert.equal(await read({ epoch: epoch - 1 }), undefined, "moved");

    const shown = await house.store.runs.list({ projectId: house.projectId, workflowId });
    assert.equal(shown.items.length, 6);
    assert.equal((await house.store.partitions.find(b, "")).resting?.runId, b);
  });

  it("leave the queue with an assignment, come back by a commit, and keep their priority in history", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const run = createAccept(house.spec, { parked: true, priority: 5 });
    await writer.commit(run);
    const load = async () => (await house.store.partitions.load(writer.epochs)).get(3)!;
    await writer.commit(createUpdate(run, { assignment: 2, parked: false }));
    assert.deepEqual([(await load()).queues.length, (await load()).rows[0]?.state], [0, "RUNNING"]);
    await writer.commit(createUpdate(run, { assignment: 2, deaths: ["WORKER_DIED", "ENVIRONMENT_DIED"] }));
    assert.deepEqual((await load()).rows[0]?.deaths, ["WORKER_DIED", "ENVIRONMENT_DIED"]);
    await writer.commit(createUpdate(run, { state: "PENDING", assignment: 2, parked: true }));
    assert.deepEqual([(await load()).queues[0]?.parked, (await load()).rows.length], [1, 0]);
    await writer.commit(createEnd(run, { assignment: 2 }));
    assert.equal((await house.store.runs.get(house.projectId, run.runId)).priority, 5);
  });

  it("say what an older release has counted without a word of what died", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const run = createAccept(house.spec);
    await writer.commit(run);
    const client = await house.connect();
    await client.query("UPDATE runs SET deaths = 2 WHERE id = $1", [run.runId]);
    const [row] = (await house.store.partitions.load(writer.epochs)).get(3)!.rows;
    assert.deepEqual(row?.deaths, ["UNKNOWN", "UNKNOWN"]);
  });
});
