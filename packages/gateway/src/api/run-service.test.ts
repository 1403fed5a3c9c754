import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRunId, type messages, type RunState } from "@millrace/core";
import type { ApiContext } from "./api-caller.ts";
import { RunService, type RunServiceOptions } from "./run-service.ts";

const RUN = createRunId(1_700_000_000_000, new Uint8Array(10));
const CALLER = { principal: { projectId: "p" } } as ApiContext;

/** The service before a run in a state, and what it asks owners for. */
function serviceFor(state: RunState) {
  const asked: Omit<messages.Resume, "gateway">[] = [];
  const steps = [
    { path: "steps/0", result: { pause: { kind: "DELAY" } } },
    { path: "steps/1/runs/2", result: { pause: { kind: "SUSPEND" } } },
    { path: "steps/2", result: null },
  ];
  const record = { id: RUN, partition: 3, workflowId: "w", workflowName: "w", state, steps };
  const options = {
    runs: { get: () => Promise.resolve(record) },
    desk: {
      resume: (request: Omit<messages.Resume, "gateway">) => {
        asked.push(request);
        return Promise.resolve({ outcome: "OVER" });
      },
    },
  };
  return { asked, service: new RunService(options as unknown as RunServiceOptions) };
}

describe("ResumeRun", () => {
  const request = { name: `workflows/w/runs/${RUN}`, dataJson: "" };

  it("names the pause that it found, so that no copy of it ends the next one", async () => {
    const { asked, service } = serviceFor("SUSPENDED");
    await assert.rejects(service.resumeRun(request, CALLER), { reason: "RUN_NOT_PAUSED" });
    assert.deepEqual(
      asked.map(({ path, partition, runId }) => [path, partition, runId]),
      [["steps/1/runs/2", 3, RUN]],
    );
  });

  it("asks no owner about a run that is not paused", async () => {
    const { asked, service } = serviceFor("RUNNING");
    await assert.rejects(service.resumeRun(request, CALLER), { reason: "RUN_NOT_PAUSED" });
    assert.deepEqual(asked, []);
  });
});
