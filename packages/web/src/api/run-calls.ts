import type { Run, RunValueKind } from "./generated/types.ts";
import { apiUrl, call, segment, send } from "./http.ts";

function runPath(id: string): string {
  return `workflows/-/runs/${segment(id)}`;
}

/** Cancels a run; returns when it has ended. */
export function cancelRun(id: string): Promise<Run> {
  return call<Run>("POST", `${runPath(id)}:cancel`, { body: { reason: "cancelled by hand" } });
}

/** Ends a run's pause. Later steps find the data as `$resume_data`; empty for null. */
export function resumeRun(id: string, dataJson: string): Promise<Run> {
  return call<Run>("POST", `${runPath(id)}:resume`, { body: { dataJson } });
}

/** How a run is repeated. */
export interface ReplayOptions {
  /** Name of the step to begin at; empty for the first. */
  readonly fromStep?: string;
  /** True for the workflow's newest version, false for the run's own. */
  readonly newestVersion?: boolean;
  /** Another event; empty for the run's own. */
  readonly eventJson?: string;
  /** The same for every try of one wish, so that it becomes one run. */
  readonly requestId: string;
}

/** Starts a new run of what an earlier one did. */
export function replayRun(id: string, options: ReplayOptions): Promise<Run> {
  return call<Run>("POST", `${runPath(id)}:replay`, { body: options });
}

/** The address of a value that is too large to be part of a run. */
export function runValueUrl(id: string, kind: RunValueKind, path: string): string {
  return apiUrl(`${runPath(id)}:readValue`, { kind, path });
}

/** Such a value as text. */
export async function readRunValue(
  id: string,
  kind: RunValueKind,
  path: string,
  signal?: AbortSignal,
): Promise<string> {
  const query = { kind, path };
  const response = await send("GET", `${runPath(id)}:readValue`, { query, ...(signal && { signal }) });
  return response.text();
}

/** The address of a run's log as a text to keep. */
export function logDownloadUrl(id: string): string {
  return apiUrl(`${runPath(id)}/logs:download`);
}
