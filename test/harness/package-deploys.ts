import assert from "node:assert/strict";

import type { workflowApi } from "@millrace/protocol";
import type { TestHouse, TestWorkflow } from "./test-house.ts";

/** What a deploy told on its way, and what came of it. */
export interface WatchedDeploy {
  readonly workflow: workflowApi.Workflow;
  readonly changes: readonly workflowApi.PackageChange[];
  readonly progress: readonly workflowApi.DeployProgress[];
  readonly notes: readonly workflowApi.DeployNote[];
}

/** Deploys a workflow and keeps everything that the house says meanwhile. */
export async function watchDeploy(
  house: TestHouse,
  workflow: TestWorkflow,
  options: { modules?: Readonly<Record<string, string>>; upgrade?: boolean } = {},
): Promise<WatchedDeploy> {
  const { steps, ...definition } = workflow;
  const sources = Object.entries(steps);
  const request = {
    name: "",
    definitionJson: JSON.stringify({
      ...definition,
      steps: sources.map(([name]) => ({ name, python: `${name}.py` })),
    }),
    sources: Object.fromEntries(sources.map(([name, source]) => [`${name}.py`, source])),
    modules: options.modules ?? {},
    checkTimeout: undefined,
    upgradePackages: options.upgrade ?? false,
    packageTimeout: undefined,
  };
  const progress: workflowApi.DeployProgress[] = [];
  for await (const one of house.client.workflows.streamDeployWorkflow({ deploy: request })) progress.push(one);
  const last = progress.at(-1);
  assert.ok(last?.workflow !== undefined, "the last message has the workflow");
  return {
    workflow: last.workflow,
    changes: last.packageChanges,
    progress,
    notes: progress.flatMap(({ notes }) => notes),
  };
}
