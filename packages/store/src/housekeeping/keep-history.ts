/**
 * Retention of history. Days in which nothing is kept any more are dropped whole; of those that stay, the runs that are not
 * kept are removed a few at a time. A run's steps, its log and its large content go with it, and not before it.
 */
import { createRunId } from "@millrace/core";
import type { Database } from "../database.ts";
import { releaseRange } from "../objects/collect.ts";
import { DAY_TABLES, dropDay, dropDetached, listDays } from "./day-partitions.ts";
import {
  noteHouseRetention,
  readRetentions,
  RETENTION_BOUNDS,
  type Retention,
  type WorkflowRetention,
} from "./retention.ts";
import { RUN_TABLES, trimRuns, type Pace } from "./trim-runs.ts";

/** What a round of retention goes by. */
export interface HistoryRound {
  /** Of whoever says nothing. */
  readonly house: Retention;
  /** Nobody keeps runs for longer. */
  readonly daysMax?: number;
  readonly pace?: Pace;
  readonly nowMs?: number;
}

/** What a round has removed. */
export interface HistoryRemoved {
  /** Names of partitions. */
  readonly dropped: readonly string[];
  /** Runs that were removed from days that stay. */
  readonly runs: number;
}

const DAY_MS = 86_400_000;
const PACE_DEFAULT: Pace = { pauseMs: 50, isOver: () => false };
const BATCH = 5_000;

interface Round {
  readonly database: Database;
  readonly retentions: readonly WorkflowRetention[];
  readonly longestDays: number;
  readonly pace: Pace;
  readonly nowMs: number;
}

/** One round. It may end early, and the next one goes on. */
export async function keepHistory(database: Database, given: HistoryRound): Promise<HistoryRemoved> {
  const { house, pace = PACE_DEFAULT, nowMs = Date.now(), daysMax = RETENTION_BOUNDS.daysMax } = given;
  await noteHouseRetention(database, house);
  const retentions = await readRetentions(database, house, daysMax);
  const longestDays = retentions.reduce((longest, { days }) => Math.max(longest, days), 1);
  const round: Round = { database, retentions, longestDays, pace, nowMs };
  await database.withClient(dropDetached);
  const dropped: string[] = [];
  let runs = 0;
  for (const day of await allDays(database)) {
    if (pace.isOver()) return { dropped, runs };
    if (await isOver(round, day)) dropped.push(...(await drop(round, day)));
    else runs += await trimDay(round, day);
  }
  runs += await trimOther(round);
  runs += await trimCounts(round);
  return { dropped, runs };
}

/** Days that have a partition in any of the tables, oldest first. */
async function allDays(database: Database): Promise<string[]> {
  return database.withClient(async (client) => {
    const days = new Set<string>();
    for (const table of DAY_TABLES) for (const day of await listDays(client, table)) days.add(day);
    return [...days].sort();
  });
}

/** By then all runs of the day have ended but the late ones, which an index tells. */
function endedBy(day: string): number {
  return Date.parse(day) + 2 * DAY_MS;
}

/** True when nothing of the day is kept any more. A run that goes on needs its log, whatever it is as old as. */
async function isOver({ database, longestDays, nowMs }: Round, day: string): Promise<boolean> {
  const cutoffMs = nowMs - longestDays * DAY_MS;
  if (endedBy(day) > cutoffMs) return false;
  const { first, next } = rangeOf(day);
  const rows = await database.query(
    `(SELECT 1 FROM runs WHERE id >= $1 AND id < $2 LIMIT 1) UNION ALL
     (SELECT 1 FROM history_runs WHERE day = $3 AND end_time - create_time > interval '1 day'
        AND end_time >= to_timestamp($4::float8 / 1000) LIMIT 1)`,
    [first, next, day, cutoffMs],
  );
  return rows.length === 0;
}

async function drop({ database }: Round, day: string): Promise<string[]> {
  const { first, next } = rangeOf(day);
  await releaseRange(database, first, next);
  const dropped = await database.withClient((client) => dropDay(client, day));
  for (const table of RUN_TABLES) {
    for (let count = BATCH; count === BATCH;) {
      count = await database.change(
        `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM ${table} WHERE run_id >= $1 AND run_id < $2 LIMIT ${BATCH}))`,
        [first, next],
      );
    }
  }
  return dropped;
}

/** Removes from a day that stays what its workflows do not keep any more. */
async function trimDay(round: Round, day: string): Promise<number> {
  const { database, retentions, nowMs, pace } = round;
  const past = retentions.filter(({ days }) => endedBy(day) <= nowMs - days * DAY_MS);
  if (past.length === 0) return 0;
  const found = await database.query<{ workflow_id: string }>(
    `SELECT workflow_id FROM unnest($2::uuid[]) AS p (workflow_id)
     WHERE EXISTS (SELECT FROM history_runs h WHERE h.day = $1 AND h.workflow_id = p.workflow_id)`,
    [day, past.map(({ workflowId }) => workflowId)],
  );
  const there = new Set(found.map(({ workflow_id }) => workflow_id));
  let removed = 0;
  for (const { workflowId, days } of past.filter((one) => there.has(one.workflowId))) {
    removed += await trimRuns(database, { workflowId, day, endedBeforeMs: nowMs - days * DAY_MS }, pace);
  }
  return removed;
}

/** Runs whose day had no partition, and lines of runs that are not there any more. */
async function trimOther(round: Round): Promise<number> {
  const { database, longestDays, nowMs, pace } = round;
  const days = await database.query<{ day: string }>("SELECT DISTINCT day FROM history_runs_other ORDER BY day");
  let removed = 0;
  for (const { day } of days) removed += await trimDay(round, day);
  const before = new Date(nowMs - (longestDays + 2) * DAY_MS).toISOString().slice(0, 10);
  for (let count = BATCH; count === BATCH && !pace.isOver();) {
    count = await database.change(
      `DELETE FROM log_lines_other WHERE ctid = ANY (ARRAY(
         SELECT l.ctid FROM log_lines_other l WHERE l.day < $1
           AND NOT EXISTS (SELECT FROM runs r WHERE r.id = l.run_id)
           AND NOT EXISTS (SELECT FROM history_runs_other h WHERE h.day = l.day AND h.id = l.run_id)
         LIMIT ${BATCH}))`,
      [before],
    );
  }
  return removed;
}

/** Of workflows that keep a number of runs, what is behind the newest so many. */
async function trimCounts(round: Round): Promise<number> {
  const { database, retentions, pace } = round;
  const bounded = retentions.filter(({ runs }) => runs > 0);
  if (bounded.length === 0) return 0;
  const days = (await allDays(database)).reverse();
  let removed = 0;
  for (const { workflowId, runs } of bounded) {
    let rest = runs;
    for (const day of days) {
      if (pace.isOver()) return removed;
      const { count, upTo } = await countNewest(database, workflowId, day, rest);
      rest -= count;
      if (upTo !== undefined) {
        removed += await trimRuns(database, { workflowId, day, upTo, endedBeforeMs: Number.MAX_SAFE_INTEGER }, pace);
      }
    }
  }
  return removed;
}

/** How many of a day's runs are among the newest so many, and the first one behind them. */
async function countNewest(
  database: Database,
  workflowId: string,
  day: string,
  most: number,
): Promise<{ count: number; upTo: string | undefined }> {
  const [row] = await database.query<{ count: number; up_to: string | null }>(
    `SELECT count(*) AS count, (array_agg(id) FILTER (WHERE place = $3 + 1))[1] AS up_to FROM (
       SELECT id, row_number() OVER (ORDER BY id DESC) AS place FROM history_runs
       WHERE day = $1 AND workflow_id = $2 ORDER BY id DESC LIMIT $3 + 1) p`,
    [day, workflowId, most],
  );
  return { count: Math.min(row!.count, most), upTo: row!.up_to ?? undefined };
}

function rangeOf(day: string): { first: string; next: string } {
  const none = new Uint8Array(10);
  const startMs = Date.parse(day);
  return { first: createRunId(startMs, none), next: createRunId(startMs + DAY_MS, none) };
}
