import { PlatformError } from "@millrace/core";
import type { workflowApi } from "@millrace/protocol";
import type { Runs, WorkflowActivity } from "@millrace/store";
import { durationOf } from "./durations.ts";
import { parseWorkflowName } from "./resource-names.ts";

const WORKFLOWS_MAX = 200;
const STRIP_MAX = 20;

/** How the newest runs of workflows went, for a list of them. Throws `TOO_MANY_WORKFLOWS`. */
export async function listActivity(
  runs: Runs,
  projectId: string,
  names: readonly string[],
): Promise<workflowApi.ListWorkflowActivityResponse> {
  if (names.length > WORKFLOWS_MAX) {
    const message = `at most ${WORKFLOWS_MAX} workflows are told of at once`;
    throw new PlatformError("InvalidArgument", "TOO_MANY_WORKFLOWS", message);
  }
  const activities = await runs.readActivity(projectId, [...new Set(names.map(parseWorkflowName))]);
  return { activities: activities.map(toActivity) };
}

/** What a list shows of a workflow's newest runs. */
export function toActivity({ workflowId, lastRunTimeMs, runs }: WorkflowActivity): workflowApi.WorkflowActivity {
  const durations = runs.map(({ durationMs }) => durationMs).sort((a, b) => a - b);
  return {
    name: `workflows/${workflowId}`,
    recentRuns: runs.slice(0, STRIP_MAX).map(({ id, state, durationMs }) => ({
      ...{ run: id, state },
      duration: durationOf(durationMs),
    })),
    sampleCount: runs.length,
    failedCount: runs.filter(({ state }) => state === "FAILED").length,
    p50Duration: percentile(durations, 0.5),
    p95Duration: percentile(durations, 0.95),
    lastRunTime: lastRunTimeMs === null ? undefined : new Date(lastRunTimeMs),
  };
}

/** The smallest of sorted durations that as many do not exceed. */
function percentile(sortedMs: readonly number[], share: number) {
  const found = sortedMs[Math.ceil(sortedMs.length * share) - 1];
  return found === undefined ? undefined : durationOf(found);
}
