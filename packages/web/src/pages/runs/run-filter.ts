import type { RunFilter } from "../../api/queries.ts";

/** Shows every run. */
export const NO_FILTER: RunFilter = {
  ...{ workflow: "", states: [], text: "", sinceS: 0, minSeconds: "", maxSeconds: "" },
  ...{ from: undefined, to: undefined },
};

const STATE = /^RUN_STATE_[A-Z]+$/;

/** The filter that stands in a page's address. */
export function readFilter(parameters: URLSearchParams): RunFilter {
  return {
    workflow: parameters.get("workflow") ?? "",
    states: parameters
      .getAll("state")
      .map((state) => `RUN_STATE_${state.toUpperCase()}`)
      .filter((state) => STATE.test(state)),
    text: parameters.get("text") ?? "",
    sinceS: Math.max(0, Number(parameters.get("since") ?? 0)) || 0,
    minSeconds: seconds(parameters.get("min")),
    maxSeconds: seconds(parameters.get("max")),
    from: time(parameters.get("from")),
    to: time(parameters.get("to")),
  };
}

function seconds(text: string | null): string {
  return text !== null && text !== "" && Number.isFinite(Number(text)) && Number(text) >= 0 ? text : "";
}

function time(text: string | null): string | undefined {
  const at = Date.parse(text ?? "");
  return Number.isNaN(at) ? undefined : new Date(at).toISOString();
}

/** The same as an address has it. */
export function writeFilter(filter: RunFilter): URLSearchParams {
  const { workflow, states, text, sinceS, minSeconds, maxSeconds, from, to } = filter;
  const parameters = new URLSearchParams();
  if (workflow !== "") parameters.set("workflow", workflow);
  for (const state of states) parameters.append("state", state.replace("RUN_STATE_", "").toLowerCase());
  if (text !== "") parameters.set("text", text);
  if (sinceS > 0) parameters.set("since", String(sinceS));
  if (from !== undefined) parameters.set("from", from);
  if (to !== undefined) parameters.set("to", to);
  if (minSeconds !== "") parameters.set("min", minSeconds);
  if (maxSeconds !== "") parameters.set("max", maxSeconds);
  return parameters;
}

/** True when it leaves out anything. */
export function isFiltering(filter: RunFilter): boolean {
  return writeFilter(filter).size > 0;
}
