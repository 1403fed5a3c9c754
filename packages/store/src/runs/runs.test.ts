import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { partitionOf, type RunState } from "@millrace/core";
import {
  createAccept,
  createDeploy,
  createEnd,
  createScratchHouse,
  createStep,
  createUpdate,
} from "../../test/scratch-house.ts";
import type { RunSummary } from "./run-records.ts";

const DAY_MS = 86_400_000;

describe("a run as people read it", () => {
  it("shows every step of its version, whatever has become of the run", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const runs = Array.from({ length: 6 }, () => createAccept(house.spec));
    const [pending, running, failed, exited, cancelled, never] = runs;
    await writer.commit(...runs);
    await writer.commit(
      createUpdate(running!, { step: createStep(0) }),
      createUpdate(cancelled!, { step: createStep(0) }),
    );
    const failure = {
      cause: "EXCEPTION",
      type: "KeyError",
      message: "'name'",
      traceback: "Traceback…",
      line: 4,
    } as const;
    await writer.commit(
      createEnd(failed!, { state: "FAILED", step: createStep(0, { failure }) }),
      createEnd(exited!, { step: createStep(0, { exit: { reason: "enough" } }), exitReason: "enough" }),
      createEnd(cancelled!, { state: "CANCELLED", exitReason: "not wanted" }),
      createEnd(never!, { state: "CANCELLED", startTimeMs: null }),
    );
    const states = async (runId: string): Promise<string[]> => {
      const run = await house.store.runs.get(house.projectId, runId);
      return [run.state, ...run.steps.map(({ state }) => state)];
    };
    assert.deepEqual(await states(pending!.runId), ["PENDING", "PENDING", "PENDING"]);
    assert.deepEqual(await states(running!.runId), ["RUNNING", "SUCCEEDED", "RUNNING"]);
    assert.deepEqual(await states(failed!.runId), ["FAILED", "FAILED", "SKIPPED"]);
    assert.deepEqual(await states(exited!.runId), ["SUCCEEDED", "SUCCEEDED", "SKIPPED"]);
    assert.deepEqual(await states(cancelled!.runId), ["CANCELLED", "SUCCEEDED", "CANCELLED"]);
    assert.deepEqual(await states(never!.runId), ["CANCELLED", "SKIPPED", "SKIPPED"]);
    const record = await house.store.runs.get(null, failed!.runId);
    assert.deepEqual(record.failure, { ...failure, path: "steps/0", step: "fetch" });
    assert.deepEqual([record.workflowName, record.versionNumber, record.spec], ["pokemon", 1, house.spec]);
    assert.equal((await house.store.runs.get(null, exited!.runId)).exitReason, "enough");
  });

  it("is nobody else's", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const run = createAccept(house.spec);
    await writer.commit(run);
    const other = await house.store.projects.ensure("other");
    for (const [projectId, id] of [
      [other.id, run.runId],
      [house.projectId, createAccept(house.spec).runId],
      [null, "'; DROP"],
    ] as const) {
      await assert.rejects(house.store.runs.get(projectId, id), { reason: "RUN_NOT_FOUND" });
    }
  });

  it("tells gateways of answers whose release was lost", async () => {
    await using house = await createScratchHouse();
    const writer = await house.createWriter([3]);
    const [first, second] = [createAccept(house.spec, { timeMs: Date.now() - 1 }), createAccept(house.spec)];
    const response = { status: 204, headers: [], body: new Uint8Array(), immediate: false };
    const step = createStep(0, { response });
    await writer.commit(first, second);
    await writer.commit(createUpdate(first, { step }));
    const { status, headers, body, executionId } = (await house.store.runs.getStepResponse(first.runId, "steps/0"))!;
    assert.deepEqual([status, headers, body.length, executionId], [204, [], 0, step.executionId]);
    await writer.commit(createEnd(first, { step: createStep(1) }));
    assert.equal((await house.store.runs.getStepResponse(first.runId, "steps/0"))!.executionId, step.executionId);
    assert.equal(await house.store.runs.getStepResponse(first.runId, "steps/1"), undefined);
    const statuses = await house.store.runs.getStatus([first.runId, second.runId, createAccept(house.spec).runId, "?"]);
    assert.deepEqual(
      statuses.map(({ id, state, steps }) => [id, state, steps.map(({ path, hasResponse }) => [path, hasResponse])]),
      [
        [
          first.runId,
          "SUCCEEDED",
          [
            ["steps/0", true],
            ["steps/1", false],
          ],
        ],
        [second.runId, "PENDING", []],
      ],
    );
  });
});

describe("what workflows have done lately", () => {
  it("tells of the newest run, also where none has ended", async () => {
    await using house = await createScratchHouse();
    const partition = partitionOf(house.spec.workflowId, 16);
    const writer = await house.createWriter([partition]);
    const last = async (): Promise<number | null | undefined> =>
      (await house.store.runs.readActivity(house.projectId, [house.spec.workflowId]))[0]?.lastRunTimeMs;
    assert.equal(await last(), null);
    const [first, second, third] = [1, 2, 3].map((n) =>
      createAccept(house.spec, { partition, timeMs: Date.now() + n }),
    );
    await writer.commit(first!);
    await writer.commit(
      createUpdate(first!, { state: "SUSPENDED", wakeTimeMs: Date.now() + DAY_MS, step: createStep(0) }),
    );
    assert.equal(await last(), first!.input.createTimeMs, "paused");
    await writer.commit(second!);
    assert.equal(await last(), second!.input.createTimeMs, "under way");
    await writer.commit({ ...third!, parked: true });
    assert.equal(await last(), third!.input.createTimeMs, "waiting in the record alone");
    await writer.commit(createEnd(third!), createEnd(second!), createEnd(first!));
    assert.equal(await last(), third!.input.createTimeMs, "ended");
  });
});

describe("a list of runs", () => {
  it("is newest first over unfinished runs and days of history, page by page", async () => {
    await using house = await createScratchHouse();
    const { workflow } = await house.store.workflows.create(house.projectId, "second");
    const deployed = await house.store.workflows.deploy(createDeploy(house.projectId, workflow.id));
    const other = deployed.workflow.version!.spec;
    const place = (spec: typeof other): number => partitionOf(spec.workflowId, 16);
    const writer = await house.createWriter(Array.from({ length: 16 }, (_, partition) => partition));
    const now = Date.now();
    const runs = Array.from({ length: 40 }, (_, index) => {
      const spec = index % 4 === 0 ? other : house.spec;
      return createAccept(spec, { partition: place(spec), timeMs: now - (40 - index) * (DAY_MS / 10) });
    });
    await writer.commit(...runs);
    await writer.commit(
      ...runs
        .filter((_, index) => index % 3 !== 0)
        .map((run, index) => createEnd(run, { state: index % 2 ? "FAILED" : "SUCCEEDED" })),
    );
    const ended = new Map(
      runs.filter((_, index) => index % 3 !== 0).map((run, index) => [run.runId, index % 2 ? "FAILED" : "SUCCEEDED"]),
    );
    const listAll = async (filter: { workflowId?: string; states?: RunState[] }): Promise<RunSummary[]> => {
      const items: RunSummary[] = [];
      let pageToken = "";
      do {
        const page = await house.store.runs.list({ projectId: house.projectId, pageSize: 7, pageToken, ...filter });
        items.push(...page.items);
        pageToken = page.nextPageToken;
      } while (pageToken);
      return items;
    };
    const ids = (list: readonly { runId: string }[]): string[] => list.map(({ runId }) => runId).toReversed();
    assert.deepEqual(
      (await listAll({})).map(({ id }) => id),
      ids(runs),
    );
    const ofOther = runs.filter(({ spec }) => spec === other);
    assert.deepEqual(
      (await listAll({ workflowId: workflow.id })).map(({ id }) => id),
      ids(ofOther),
    );
    assert.deepEqual(
      (await listAll({ states: ["FAILED"] })).map(({ id }) => id),
      ids(runs.filter(({ runId }) => ended.get(runId) === "FAILED")),
    );
    assert.deepEqual(
      (await listAll({ workflowId: workflow.id, states: ["PENDING"] })).map(({ id }) => id),
      ids(ofOther.filter(({ runId }) => !ended.has(runId))),
    );
    assert.deepEqual(await listAll({ workflowId: "no such" }), []);
    await assert.rejects(house.store.runs.list({ projectId: house.projectId, pageToken: "eA" }), {
      reason: "INVALID_PAGE_TOKEN",
    });
  });
});

describe("log lines", () => {
  it("are kept once, in order, over assignments", async () => {
    await using house = await createScratchHouse();
    const { logs } = house.store;
    const { runId } = createAccept(house.spec);
    const line = (assignment: number, sequence: number, text = `line ${sequence}`) => {
      return {
        runId,
        assignment,
        sequence,
        timeMs: 1_700_000_000_123,
        stream: "stdout" as const,
        path: "steps/0",
        text,
      };
    };
    const lines = [line(2, 1), line(1, 2), line(1, 10), line(1, 1)];
    await Promise.all([logs.insert(lines), logs.insert(lines)]);
    await logs.insert([line(1, 2, "another text"), line(2, 2, "nul \0 and \ud800")]);
    const kept = await logs.list(runId);
    assert.deepEqual(kept, [line(1, 1), line(1, 2), line(1, 10), line(2, 1), line(2, 2, "nul \u2400 and \ufffd")]);
    assert.deepEqual(
      (await logs.list(runId, { after: { assignment: 1, sequence: 2 }, limit: 2 })).map(({ sequence }) => sequence),
      [10, 1],
    );
    assert.deepEqual(await logs.last(runId), [
      { assignment: 1, sequence: 10 },
      { assignment: 2, sequence: 2 },
    ]);
    assert.deepEqual(await logs.list("nothing"), []);
    const long = Array.from({ length: 6 }, (_, index) => ({
      ...kept[0]!,
      sequence: 100 + index,
      text: "x".repeat(900_000),
    }));
    await logs.insert(long);
    const listed = (await logs.list(runId, { after: { assignment: 1, sequence: 99 } })).map(({ sequence }) => sequence);
    assert.deepEqual(listed, [100, 101, 102, 103, 104], "not more than a page can have");
    const last = await logs.list(runId, { backward: true, before: { assignment: 1, sequence: 200 } });
    assert.deepEqual(
      last.map(({ sequence }) => sequence),
      [105, 104, 103, 102, 101],
    );
    assert.equal(await logs.insert([]), 0);
  });

  it("are not held up by lines that no run can have written", async () => {
    await using house = await createScratchHouse();
    const { runId } = createAccept(house.spec);
    const good = { runId, assignment: 1, sequence: 1, timeMs: 1.5, stream: "stdout" as const, path: "", text: "x" };
    const bad = [
      { ...good, runId: "'" },
      { ...good, assignment: 2 ** 31 },
      { ...good, sequence: -1 },
      { ...good, timeMs: Number.NaN },
      { ...good, timeMs: 1e18 },
    ];
    assert.equal(await house.store.logs.insert([...bad, good]), bad.length);
    assert.equal((await house.store.logs.list(runId)).length, 1);
  });
});
