import type { RunFilter } from "../../api/queries.ts";

/** No filter but the workflow. */
export function allRunsOf(workflow: string): RunFilter {
  return { workflow, states: [], text: "", sinceS: 0, minSeconds: "", maxSeconds: "" };
}
