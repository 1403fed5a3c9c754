import { PlatformError } from "@millrace/core";
import type { runApi } from "@millrace/protocol";
import type { RunFilter } from "@millrace/store";
import type { DefinitionCache } from "../definitions/definition-cache.ts";
import { pageSizeOf } from "./paging.ts";
import { parseWorkflowFilter } from "./resource-names.ts";
import { statesOf } from "./run-message.ts";

const PAGE = { fallback: 50, max: 1000 };

/** The workflow that a list is of: its id; undefined for all. */
export function listedWorkflow(cache: DefinitionCache, projectId: string, parent: string): string | undefined {
  const filter = parseWorkflowFilter(parent);
  // History outlives its workflow: a name that is not served any more may still be the id of a deleted one.
  return filter === undefined ? undefined : (cache.findWorkflow(projectId, filter)?.id ?? filter);
}

/** What a request to list runs means. */
export function toRunFilter(request: runApi.ListRunsRequest, projectId: string, cache: DefinitionCache): RunFilter {
  const workflowId = listedWorkflow(cache, projectId, request.parent);
  const states = statesOf([...request.states, request.state]);
  const { version, text, triggerKind, requestId } = request;
  return {
    projectId,
    pageSize: pageSizeOf(request.pageSize, PAGE),
    pageToken: request.pageToken,
    ...timesOf(request),
    ...(workflowId !== undefined && { workflowId }),
    ...(states.length > 0 && { states }),
    ...(version > 0 && { version }),
    ...(text !== "" && { text }),
    ...(triggerKind !== "" && { triggerKind }),
    ...(requestId !== "" && { key: requestId }),
    ...(request.minDuration && { durationMinMs: millisecondsOf(request.minDuration) }),
    ...(request.maxDuration && { durationMaxMs: millisecondsOf(request.maxDuration) }),
  };
}

/** The range of times that a list is of. */
export function timesOf({
  createdFrom,
  createdBefore,
}: Pick<runApi.ListRunsRequest, "createdFrom" | "createdBefore">): Pick<
  RunFilter,
  "createdFromMs" | "createdBeforeMs"
> {
  return {
    ...(createdFrom && { createdFromMs: createdFrom.getTime() }),
    ...(createdBefore && { createdBeforeMs: createdBefore.getTime() }),
  };
}

function millisecondsOf({ seconds, nanos }: { seconds: number; nanos: number }): number {
  if (seconds < 0 || nanos < 0) {
    throw new PlatformError("InvalidArgument", "INVALID_DURATION", "a duration must not be negative");
  }
  return seconds * 1000 + nanos / 1e6;
}
