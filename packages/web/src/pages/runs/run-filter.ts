import type { RunFilter } from "../../api/queries.ts";

/** The filter that stands in a page's address. */
export function readFilter(parameters: URLSearchParams): RunFilter {
  return {
    workflow: parameters.get("workflow") ?? "",
    states: parameters.getAll("state"),
    text: parameters.get("text") ?? "",
    sinceS: Math.max(0, Number(parameters.get("since") ?? 0)) || 0,
    minSeconds: seconds(parameters.get("min")),
    maxSeconds: seconds(parameters.get("max")),
  };
}

function seconds(text: string | null): string {
  return text !== null && text !== "" && Number.isFinite(Number(text)) && Number(text) >= 0 ? text : "";
}

/** The same as an address has it. */
export function writeFilter({ workflow, states, text, sinceS, minSeconds, maxSeconds }: RunFilter): URLSearchParams {
  const parameters = new URLSearchParams();
  if (workflow !== "") parameters.set("workflow", workflow);
  for (const state of states) parameters.append("state", state);
  if (text !== "") parameters.set("text", text);
  if (sinceS > 0) parameters.set("since", String(sinceS));
  if (minSeconds !== "") parameters.set("min", minSeconds);
  if (maxSeconds !== "") parameters.set("max", maxSeconds);
  return parameters;
}
