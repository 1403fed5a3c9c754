import { parseDurationMs } from "@millrace/core";
import { runApi } from "@millrace/protocol";
import { InvalidArgumentError, Option, type Command } from "commander";
import type { ApiClient } from "../api-client.ts";

const PAGE_SIZE = 1_000;
const LIST_LIMIT_MAX = 100_000;
const DAY_MS = 86_400_000;
const STATES = ["PENDING", "RUNNING", "SUSPENDED", "SUCCEEDED", "FAILED", "CANCELLED"] as const;

/** Which runs a command lists. */
export interface RunListOptions {
  readonly workflow?: string;
  readonly limit: number;
  readonly state?: readonly string[];
  /** Accepted from then on. */
  readonly since?: Date;
  readonly until?: Date;
  readonly text?: string;
  readonly ofVersion?: number;
  readonly longer?: number;
  readonly shorter?: number;
  readonly trigger?: string;
  readonly requestId?: string;
}

/** Adds the filters that commands over runs share. */
export function addTimeFilters(command: Command): Command {
  return command
    .addOption(
      new Option("--since <time>", "only runs accepted since: a duration such as 2h or 7d, or a date").argParser(
        parseTime,
      ),
    )
    .addOption(new Option("--until <time>", "only runs accepted before that").argParser(parseTime))
    .option("--text <text>", "only runs with this in their exit reason or failure")
    .addOption(new Option("--limit <number>", "most runs to list").default(50).argParser(parseLimit));
}

/** Adds the filters of a list of runs. */
export function addRunFilters(command: Command): Command {
  return addTimeFilters(command.option("--workflow <workflow>", "only runs of this workflow"))
    .addOption(
      new Option("--state <state>", `only runs in this state, may be repeated: ${STATES.join(", ")}`).argParser(
        addState,
      ),
    )
    .addOption(new Option("--of-version <number>", "only runs of this version of --workflow").argParser(parseCount))
    .addOption(new Option("--longer <duration>", "only runs that took so long at least").argParser(parseDuration))
    .addOption(new Option("--shorter <duration>", "only runs that took so long at most").argParser(parseDuration))
    .option("--trigger <kind>", "only runs that this kind of trigger started, such as http")
    .option("--request-id <key>", "only the run of this idempotency key");
}

/** Asks for runs with nothing filtered. */
export const ALL_RUNS: runApi.ListRunsRequest = {
  parent: "workflows/-",
  pageSize: PAGE_SIZE,
  pageToken: "",
  state: runApi.RunState.UNSPECIFIED,
  states: [],
  createdFrom: undefined,
  createdBefore: undefined,
  version: 0,
  text: "",
  minDuration: undefined,
  maxDuration: undefined,
  triggerKind: "",
  requestId: "",
};

/** Up to `limit` runs, newest first. */
export async function listRuns(client: ApiClient, options: RunListOptions): Promise<runApi.Run[]> {
  const filter: runApi.ListRunsRequest = {
    ...ALL_RUNS,
    parent: `workflows/${options.workflow ?? "-"}`,
    states: (options.state ?? []).map((name) => runApi.RunState[name as (typeof STATES)[number]]),
    createdFrom: options.since,
    createdBefore: options.until,
    version: options.ofVersion ?? 0,
    text: options.text ?? "",
    minDuration: options.longer === undefined ? undefined : toDuration(options.longer),
    maxDuration: options.shorter === undefined ? undefined : toDuration(options.shorter),
    triggerKind: options.trigger ?? "",
    requestId: options.requestId ?? "",
  };
  return collect(options.limit, (pageSize, pageToken) => client.runs.listRuns({ ...filter, pageSize, pageToken }));
}

/** Pages until there are so many runs or no more; a page may be partial, even empty, and the next one goes on. */
export async function collect(
  limit: number,
  load: (pageSize: number, pageToken: string) => Promise<{ runs: runApi.Run[]; nextPageToken: string }>,
): Promise<runApi.Run[]> {
  const found: runApi.Run[] = [];
  let pageToken = "";
  do {
    const page = await load(Math.min(PAGE_SIZE, limit - found.length), pageToken);
    found.push(...page.runs);
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && found.length < limit);
  return found;
}

function toDuration(durationMs: number): { seconds: number; nanos: number } {
  return { seconds: Math.floor(durationMs / 1000), nanos: (durationMs % 1000) * 1e6 };
}

function addState(text: string, before: readonly string[] | undefined): readonly string[] {
  const state = text.toUpperCase();
  if (STATES.some((name) => name === state)) return [...(before ?? []), state];
  throw new InvalidArgumentError(`A state is one of ${STATES.join(", ")}.`);
}

function parseTime(text: string): Date {
  const days = /^(\d{1,5})d$/.exec(text);
  const agoMs = days ? Number(days[1]) * DAY_MS : parseDurationMs(text);
  const time = agoMs === undefined ? Date.parse(text) : Date.now() - agoMs;
  if (!Number.isNaN(time)) return new Date(time);
  throw new InvalidArgumentError("A time is written as 30m, 2h, 7d or 2026-05-04T10:00:00Z.");
}

function parseDuration(text: string): number {
  const durationMs = parseDurationMs(text);
  if (durationMs !== undefined) return durationMs;
  throw new InvalidArgumentError("A duration is written as 250ms, 30s or 5m.");
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (/^\d+$/.test(text) && limit >= 1 && limit <= LIST_LIMIT_MAX) return limit;
  throw new InvalidArgumentError(`The limit is a whole number from 1 to ${LIST_LIMIT_MAX}.`);
}

function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("A version is a whole number from 1 on.");
}
