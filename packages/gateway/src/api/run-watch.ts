import { PlatformError } from "@millrace/core";
import type { runApi } from "@millrace/protocol";
import type { RunFilter, RunSummary } from "@millrace/store";
import type { RunFeed } from "../runs/run-feed.ts";
import type { WatchedChanges } from "../runs/run-watcher.ts";
import { runNameOf } from "./resource-names.ts";
import { toRunSummary } from "./run-message.ts";

const TEXT_MAX = 200;
/** So much of a failure is searched. */
const FAILURE_MAX = 1_000;

/** Sends what changes of the runs that a filter means, until the signal is aborted. Throws `VERSION_NEEDS_WORKFLOW`, `TEXT_TOO_LONG`. */
export async function* watchRuns(
  feed: RunFeed,
  filter: RunFilter,
  cursor: string,
  signal: AbortSignal,
): AsyncGenerator<runApi.WatchRunsResponse> {
  checkFilter(filter);
  const watcher = await feed.join(cursor);
  let first = true;
  try {
    while (!signal.aborted) {
      const changes = await watcher.take(signal);
      if (signal.aborted) return;
      const response = toResponse(filter, changes);
      if (first || response.relist || response.runs.length + response.left.length > 0) yield response;
      first = false;
    }
  } finally {
    feed.leave(watcher);
  }
}

function checkFilter({ version, workflowId, text }: RunFilter): void {
  if (version !== undefined && workflowId === undefined) {
    const message = "The number of a version means something only together with its workflow";
    throw new PlatformError("InvalidArgument", "VERSION_NEEDS_WORKFLOW", message);
  }
  if ((text?.length ?? 0) > TEXT_MAX) {
    const message = `A text to look for has at most ${TEXT_MAX} characters`;
    throw new PlatformError("InvalidArgument", "TEXT_TOO_LONG", message);
  }
}

function toResponse(filter: RunFilter, { runs, lost, cursor }: WatchedChanges): runApi.WatchRunsResponse {
  const meant = runs.filter((run) => mayEverMatch(filter, run));
  const fits = Map.groupBy(meant, (run) => matchesNow(filter, run));
  return {
    runs: (fits.get(true) ?? []).map(toRunSummary),
    left: (fits.get(false) ?? []).map(({ workflowId, id }) => runNameOf(workflowId, id)),
    relist: lost,
    cursor,
  };
}

/** What of a run never changes. A workflow's own list has no tests of its draft, unless somebody asks for them. */
function mayEverMatch(filter: RunFilter, run: RunSummary): boolean {
  const { workflowId, version, triggerKind, createdFromMs = -Infinity, createdBeforeMs = Infinity } = filter;
  if (run.projectId !== filter.projectId) return false;
  if (workflowId !== undefined && run.workflowId !== workflowId) return false;
  if (triggerKind === undefined ? run.triggerKind === "test" : run.triggerKind !== triggerKind) return false;
  if (version !== undefined && run.versionNumber !== version) return false;
  return run.createTimeMs >= createdFromMs && run.createTimeMs < createdBeforeMs;
}

/** What may become so, or be so no more; as lists have it, a run that has not ended has neither a text nor a duration. */
function matchesNow({ states, text, durationMinMs, durationMaxMs }: RunFilter, run: RunSummary): boolean {
  if (states !== undefined && !states.includes(run.state)) return false;
  if (text === undefined && durationMinMs === undefined && durationMaxMs === undefined) return true;
  if (run.endTimeMs === null) return false;
  const durationMs = run.endTimeMs - (run.startTimeMs ?? run.endTimeMs);
  if (durationMs < (durationMinMs ?? 0) || durationMs > (durationMaxMs ?? Infinity)) return false;
  return text === undefined || hasText(run, text.toLowerCase());
}

function hasText({ exitReason, failure }: RunSummary, text: string): boolean {
  const parts = [exitReason, failure === null ? "" : `${failure.type}: ${failure.message}`.slice(0, FAILURE_MAX)];
  return parts.some((part) => part.toLowerCase().includes(text));
}
