import type { SeriesFilter } from "../../api/series.ts";

/** Ranges that are offered, the shortest first. */
export const RANGES = [
  [3_600, "1 hour"],
  [21_600, "6 hours"],
  [86_400, "24 hours"],
  [604_800, "7 days"],
  [2_592_000, "30 days"],
] as const;
const LEAST_RANGE_S = 60;
const MOST_RANGE_S = 33 * 86_400;

/** What a dashboard shows, from its address. */
export function readDashboard(parameters: URLSearchParams): SeriesFilter {
  const [from, to] = [Date.parse(parameters.get("from") ?? ""), Date.parse(parameters.get("to") ?? "")];
  const isFixed = Number.isFinite(from) && Number.isFinite(to) && from < to && to - from <= MOST_RANGE_S * 1000;
  const range = Number(parameters.get("range"));
  const workflow = parameters.get("workflow") ?? "";
  return {
    rangeS: RANGES.some(([seconds]) => seconds === range) ? range : RANGES[0][0],
    from: isFixed ? new Date(from).toISOString() : undefined,
    to: isFixed ? new Date(to).toISOString() : undefined,
    workflow,
    pool: workflow === "" ? (parameters.get("pool") ?? "") : "",
  };
}

/** The same as an address has it. */
export function writeDashboard({ rangeS, from, to, workflow, pool }: SeriesFilter): URLSearchParams {
  const parameters = new URLSearchParams();
  if (rangeS !== RANGES[0][0]) parameters.set("range", String(rangeS));
  if (from !== undefined && to !== undefined) {
    parameters.set("from", from);
    parameters.set("to", to);
  }
  if (workflow !== "") parameters.set("workflow", workflow);
  else if (pool !== "") parameters.set("pool", pool);
  return parameters;
}

/** The same dashboard between two times, at least a minute apart and none of them in the future. */
export function zoomed(filter: SeriesFilter, fromS: number, toS: number, nowS: number): SeriesFilter {
  const to = Math.min(Math.max(toS, fromS + LEAST_RANGE_S), nowS);
  const from = Math.max(Math.min(fromS, to - LEAST_RANGE_S), to - MOST_RANGE_S);
  return { ...filter, from: new Date(from * 1000).toISOString(), to: new Date(to * 1000).toISOString() };
}
