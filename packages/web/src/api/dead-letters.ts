import type { ListDeadLettersResponse, Run, SettleDeadLettersResponse } from "./generated/types.ts";
import { call, segment, type Query } from "./http.ts";
import { runFilterQuery, type RunFilter } from "./queries.ts";

/** Most that one call settles. */
const SETTLED_AT_ONCE = 200;

function path({ workflow }: RunFilter): string {
  return `workflows/${workflow === "" ? "-" : segment(workflow)}/deadLetters`;
}

function filterQuery(filter: RunFilter): Query {
  const { text, createdFrom, createdBefore } = runFilterQuery(filter);
  return { text, createdFrom, createdBefore };
}

/** One page of the dead letters of a filter, newest first. */
export function listDeadLetters(filter: RunFilter, pageSize: number, pageToken: string, signal: AbortSignal) {
  const query = { ...filterQuery(filter), pageSize, pageToken };
  return call<ListDeadLettersResponse>("GET", path(filter), { query, signal });
}

/** Starts a new run of a dead letter, once; returns the new run. */
export function replayDeadLetter(id: string): Promise<Run> {
  return call<Run>("POST", `workflows/-/runs/${segment(id)}:replayDeadLetter`, { body: {} });
}

/** Takes a dead letter off the list. */
export function discardDeadLetter(id: string): Promise<Run> {
  return call<Run>("POST", `workflows/-/runs/${segment(id)}:discardDeadLetter`, { body: {} });
}

/** Replays or discards a page of those that match. */
export function settleDeadLetters(
  action: "replay" | "discard",
  filter: RunFilter,
  pageToken: string,
): Promise<SettleDeadLettersResponse> {
  const { text, createdFrom, createdBefore } = filterQuery(filter);
  const body = { pageSize: SETTLED_AT_ONCE, pageToken, text, createdFrom, createdBefore };
  return call<SettleDeadLettersResponse>("POST", `${path(filter)}:${action}`, { body });
}
