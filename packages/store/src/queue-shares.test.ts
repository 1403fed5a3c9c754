import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ShareRequest } from "@millrace/core";
import { createAccept, createScratchHouse } from "../test/scratch-house.ts";

describe("shares of a project's limit", () => {
  it("never exceed it, whoever asks at the same moment, and move to where they are needed", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([0, 1, 2, 3]);
    const { partitions, projects } = house.store;
    const { projectId } = house;
    let number = 0;
    const request = (partition: number, needed: number, wanted: number): ShareRequest => ({
      ...{ partition, epoch: writer.epochs.get(partition)!, projectId, number: ++number, needed, wanted },
    });
    const lease = async (...requests: ShareRequest[]) => (await partitions.leaseShares(requests, 1000)).shares;
    const asked = await Promise.all([0, 1, 2, 3].map((partition) => lease(request(partition, 10, 400))));
    const given = asked.flat().map(Number);
    assert.equal(
      given.reduce((sum, share) => sum + share),
      1000,
    );
    const poor = given.indexOf(Math.min(...given));
    const rich = given.indexOf(400);
    const late = request(rich, 5, 400);
    assert.deepEqual(await lease(request(poor, 300, 300)), [given[poor]], "there is no more");
    assert.deepEqual((await partitions.leaseShares([], 1000)).wanting, [projectId]);
    assert.deepEqual(await lease(request(rich, 5, 5)), [5], "given back");
    assert.deepEqual(await lease(request(poor, 300, 300)), [300]);
    assert.deepEqual((await partitions.leaseShares([], 1000)).wanting, []);
    assert.deepEqual(await lease(late), [undefined], "one that arrives late changes nothing");

    await projects.setQueueLimit(projectId, 320);
    assert.deepEqual((await partitions.leaseShares([], 1000)).wanting, [projectId], "all give back what they can");
    assert.equal((await projects.getSettings(projectId)).queueLimit, 320);
    const loaded = await partitions.load(writer.epochs);
    assert.deepEqual(loaded.get(poor)!.shares, [{ projectId, share: 300 }]);
    await partitions.take([poor]);
    assert.deepEqual(await lease(request(poor, 1, 1)), ["MOVED"]);
  });
});

describe("submits that there is no room for", () => {
  it("are looked up by their id and by their key, in the hot table and in history", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const run = createAccept(house.spec, { idempotencyKey: "key" });
    await writer.commit(run);
    const { workflowId } = house.spec;
    const query = (runId: string, idempotencyKey = "") => ({ partition: 3, runId, workflowId, idempotencyKey });
    const other = createAccept(house.spec).runId;
    const found = await house.store.partitions.findSubmits([query(other), query(run.runId), query(other, "key")]);
    assert.deepEqual(found, [undefined, run.runId, run.runId]);
  });
});
