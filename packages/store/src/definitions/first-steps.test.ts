import assert from "node:assert/strict";
import { test } from "node:test";
import { createScratchHouse } from "../../test/scratch-house.ts";

test("the first steps of a project are what has happened in it, until they are over for good", async () => {
  await using house = await createScratchHouse();
  const { projects, drafts } = house.store;
  const { workflowId } = house.spec;
  const deployed = { over: false, created: true, tested: false, deployedCount: 1, workflowId };
  assert.deepEqual(await projects.readFirstSteps(house.projectId), deployed);
  const body = { settings: {}, steps: [], modules: {} };
  const draft = await drafts.create({ workflowId, body, baseVersionId: null, author: "users/ada" });
  await drafts.recordTest({ runId: crypto.randomUUID(), draftId: draft.id, stepId: "", hashes: [], given: [] });
  assert.deepEqual(await projects.readFirstSteps(house.projectId), { ...deployed, tested: true });
  const empty = await projects.ensure("empty");
  const none = { over: false, created: false, tested: false, deployedCount: 0, workflowId: null };
  assert.deepEqual(await projects.readFirstSteps(empty.id), none);
  await projects.endFirstSteps(empty.id);
  assert.deepEqual(await projects.readFirstSteps(empty.id), { ...none, over: true });
});
