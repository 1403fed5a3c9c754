import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { partitionOf, type AcceptChange, type EndChange } from "@millrace/core";
import {
  createAccept,
  createDeploy,
  createEnd,
  createScratchHouse,
  createStep,
  type ScratchHouse,
} from "../../test/scratch-house.ts";
import type { RunFilter } from "./run-records.ts";

const DAY_MS = 86_400_000;
const PARTITIONS = 16;

/** A house with runs of two workflows over days, each ended as its number says. */
async function createHistory(count: number) {
  const house = await createScratchHouse();
  const { workflow } = await house.store.workflows.create(house.projectId, "second");
  const other = (await house.store.workflows.deploy(createDeploy(house.projectId, workflow.id))).workflow.version!.spec;
  const writer = await house.createWriter(Array.from({ length: PARTITIONS }, (_, partition) => partition));
  const now = Date.now();
  const runs: AcceptChange[] = Array.from({ length: count }, (_, index) => {
    const spec = index % 5 === 0 ? other : house.spec;
    const timeMs = now - (count - index) * (DAY_MS / 8);
    const made = createAccept(spec, { partition: partitionOf(spec.workflowId, PARTITIONS), timeMs });
    return index % 7 === 0 ? { ...made, idempotencyKey: `key-${index}` } : made;
  });
  await house.store.housekeeping.ensureHistoryPartitions(0, now - 2 * DAY_MS);
  await writer.commit(...runs);
  const ends = runs.map((run, index) => endOf(run, index)).filter((end) => end !== undefined);
  await writer.commit(...ends);
  const list = async (filter: Partial<RunFilter>): Promise<number[]> => {
    const found: number[] = [];
    let pageToken = "";
    do {
      const page = await house.store.runs.list({ projectId: house.projectId, pageSize: 7, ...filter, pageToken });
      found.push(...page.items.map(({ id }) => runs.findIndex(({ runId }) => runId === id)));
      pageToken = page.nextPageToken;
      assert.ok(page.partial || page.items.length === 7 || pageToken === "", "a page is full, the last, or says so");
    } while (pageToken !== "");
    return found;
  };
  return { house, writer, runs, list, other, now };
}

const failure = { cause: "EXCEPTION", type: "KeyError", traceback: "", line: 1 } as const;

function endOf(run: AcceptChange, index: number): EndChange | undefined {
  const times = { startTimeMs: 1_000_000, endTimeMs: 1_000_000 + index * 1000 };
  if (index % 4 === 0) return undefined;
  if (index % 4 === 1) return createEnd(run, { ...times, exitReason: index % 8 === 1 ? "Nothing to do" : "" });
  if (index % 4 === 2) {
    const step = createStep(0, { failure: { ...failure, message: `no Name ${index} \0 \ud800` } });
    return createEnd(run, { ...times, state: "FAILED", step });
  }
  return createEnd(run, { ...times, state: "CANCELLED", exitReason: "stopped by Ada" });
}

function matching(count: number, fits: (index: number) => boolean): number[] {
  return Array.from({ length: count }, (_, index) => count - 1 - index).filter(fits);
}

async function addSecondProject(house: ScratchHouse): Promise<string> {
  return (await house.store.projects.ensure("other")).id;
}

describe("a filtered list of runs", () => {
  const COUNT = 48;

  it("takes every filter alone and together, page by page, in one order over both tables", async () => {
    const { house, runs, list, other, now } = await createHistory(COUNT);
    await using _house = house;
    const isOther = (index: number): boolean => index % 5 === 0;
    const cases: [string, Partial<RunFilter>, (index: number) => boolean][] = [
      ["all", {}, () => true],
      ["a workflow", { workflowId: other.workflowId }, isOther],
      ["failed", { states: ["FAILED"] }, (i) => i % 4 === 2],
      ["failed and cancelled", { states: ["FAILED", "CANCELLED"] }, (i) => i % 4 >= 2],
      ["succeeded", { states: ["SUCCEEDED"] }, (i) => i % 4 === 1],
      ["not cancelled", { states: ["PENDING", "SUCCEEDED", "FAILED"] }, (i) => i % 4 !== 3],
      ["a workflow's failed", { workflowId: other.workflowId, states: ["FAILED"] }, (i) => isOther(i) && i % 4 === 2],
      ["a workflow's waiting", { workflowId: other.workflowId, states: ["PENDING"] }, (i) => isOther(i) && i % 4 === 0],
      ["running", { states: ["RUNNING"] }, () => false],
      ["a time range", { createdFromMs: now - 4 * DAY_MS, createdBeforeMs: now - DAY_MS }, (i) => i >= 16 && i < 40],
      ["a text of a failure", { text: "NO NAME 1" }, (i) => i % 4 === 2 && (i === 10 || i === 14 || i === 18)],
      ["a type of failure", { text: "keyerror" }, (i) => i % 4 === 2],
      ["a reason", { text: "ada", states: ["CANCELLED"] }, (i) => i % 4 === 3],
      ["a reason to exit", { text: "nothing" }, (i) => i % 8 === 1],
      ["a duration", { durationMinMs: 10_000, durationMaxMs: 20_000 }, (i) => i % 4 !== 0 && i >= 10 && i <= 20],
      ["a trigger", { triggerKind: "http" }, () => true],
      ["another trigger", { triggerKind: "api" }, () => false],
      ["a key", { key: "key-14" }, (i) => i === 14],
      ["no such key", { key: "key-1" }, () => false],
      ["a version", { workflowId: other.workflowId, version: 1 }, isOther],
      ["no such version", { workflowId: other.workflowId, version: 2 }, () => false],
      ["no such workflow", { workflowId: "x" }, () => false],
    ];
    for (const [title, filter, fits] of cases) assert.deepEqual(await list(filter), matching(COUNT, fits), title);
    assert.equal(runs.length, COUNT);
    const elsewhere = await addSecondProject(house);
    assert.deepEqual(await list({ projectId: elsewhere, workflowId: other.workflowId }), [], "another project's");
    assert.deepEqual(await list({ projectId: elsewhere }), [], "another project's");
  });

  it("refuses what it cannot mean", async () => {
    const { house, list } = await createHistory(1);
    await using _house = house;
    await assert.rejects(list({ version: 1 }), { reason: "VERSION_NEEDS_WORKFLOW" });
    await assert.rejects(list({ text: "x".repeat(201) }), { reason: "TEXT_TOO_LONG" });
    await assert.rejects(house.store.runs.list({ projectId: house.projectId, pageToken: "x" }), {
      reason: "INVALID_PAGE_TOKEN",
    });
  });
});
