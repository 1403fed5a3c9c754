import { isRunId, PlatformError, runIdDay } from "@millrace/core";
import { encodeArray, type ElementName, type ElementValue } from "../commit/binary.ts";
import type { Database } from "../database.ts";
import type { LogFilter, LogPosition, LogQuery, LogRecord, Logs, LogStreamName } from "./run-records.ts";

const LIMIT_DEFAULT = 1_000;
/** One more than the largest page of the API, which tells by it whether a page is the last. */
const LIMIT_MAX = 10_001;
/** Most text of what is listed, but for one line more that says so: a page has less. */
const TEXT_BYTES_MAX = 4 * 1024 * 1024;
/** Lines of one statement: some 160 MiB at the longest lines that a worker sends. */
const INSERT_MAX = 10_000;
const DAY_MS = 86_400_000;
/** The year 9999. */
const TIME_MAX_MS = Date.UTC(9999, 0);

/** Log lines on Postgres. */
export function createLogs(database: Database): Logs {
  return {
    insert: (lines) => insertLines(database, lines),
    list: (runId, options = {}) => listLines(database, runId, options),
    last: (runId) => lastLines(database, runId),
  };
}

/** Runners are not believed: a line that no run can have written is left out, or it would hold up all behind it for ever. */
function isKeepable({ runId, assignment, sequence, timeMs }: LogRecord): boolean {
  const counts = [assignment, sequence, timeMs].every((count) => Number.isSafeInteger(Math.round(count)) && count >= 0);
  return counts && isRunId(runId) && assignment < 2 ** 31 && timeMs <= TIME_MAX_MS;
}

async function insertLines(database: Database, lines: readonly LogRecord[]): Promise<number> {
  const good = lines.filter(isKeepable);
  for (let start = 0; start < good.length; start += INSERT_MAX) {
    const part = good.slice(start, start + INSERT_MAX);
    const column = <N extends ElementName>(type: N, value: (line: LogRecord) => ElementValue<N>): Buffer =>
      encodeArray(type, part.map(value));
    await database.change(
      `INSERT INTO log_lines (day, run_id, assignment, sequence, time, stream, path, text)
       SELECT * FROM unnest($1::date[], $2::uuid[], $3::int4[], $4::int8[], $5::timestamptz[], $6::text[], $7::text[], $8::text[])
       ON CONFLICT DO NOTHING`,
      [
        column("date", ({ runId }) => Date.parse(runIdDay(runId)) / DAY_MS),
        column("uuid", ({ runId }) => runId),
        column("int4", ({ assignment }) => assignment),
        column("int8", ({ sequence }) => sequence),
        column("timestamptz", ({ timeMs }) => timeMs),
        column("text", ({ stream }) => stream),
        column("text", ({ path }) => path),
        column("text", ({ text }) => text),
      ],
    );
  }
  return lines.length - good.length;
}

interface LineRow {
  readonly assignment: number;
  readonly sequence: number;
  readonly time: number;
  readonly stream: LogStreamName;
  readonly path: string;
  readonly text: string;
}

async function listLines(database: Database, runId: string, query: LogQuery): Promise<readonly LogRecord[]> {
  if (!isRunId(runId)) return [];
  const { after, before, limit = LIMIT_DEFAULT, backward = false } = query;
  if (!Number.isInteger(limit) || limit < 1) {
    throw new PlatformError("InvalidArgument", "INVALID_PAGE_SIZE", "A limit is a whole number from 1 on");
  }
  const values: unknown[] = [runIdDay(runId), runId, Math.min(limit, LIMIT_MAX)];
  const value = (given: unknown): string => `$${values.push(given)}`;
  const conditions = [
    ...(after ? [`(assignment, sequence) > (${value(after.assignment)}, ${value(after.sequence)})`] : []),
    ...(before ? [`(assignment, sequence) < (${value(before.assignment)}, ${value(before.sequence)})`] : []),
    ...conditionsOf(query, value),
  ];
  const order = backward ? "assignment DESC, sequence DESC" : "assignment, sequence";
  const rows = await database.query<LineRow>(
    `SELECT assignment, sequence, time, stream, path, text FROM (
       SELECT *, sum(octet_length(text)) OVER (ORDER BY ${order} ROWS UNBOUNDED PRECEDING) AS bytes FROM (
         SELECT assignment, sequence, time, stream, path, text FROM log_lines
         WHERE ${["day = $1 AND run_id = $2", ...conditions].join(" AND ")} ORDER BY ${order} LIMIT $3) AS page
     ) AS counted WHERE bytes - octet_length(text) <= ${TEXT_BYTES_MAX} ORDER BY ${order}`,
    values,
  );
  return rows.map(({ time, ...line }) => ({ runId, timeMs: time, ...line }));
}

function conditionsOf({ text, streams, path }: LogFilter, value: (given: unknown) => string): string[] {
  const place = path === undefined ? undefined : value(path);
  return [
    ...(text === undefined
      ? []
      : [`position(${value(text.replaceAll("\0", "\u2400").toLowerCase())} IN lower(text)) > 0`]),
    ...(streams === undefined ? [] : [`stream = ANY (${value(streams)}::text[])`]),
    ...(place === undefined ? [] : [`(path = ${place} OR starts_with(path, ${place} || '/'))`]),
  ];
}

async function lastLines(database: Database, runId: string): Promise<readonly LogPosition[]> {
  if (!isRunId(runId)) return [];
  return database.query<{ assignment: number; sequence: number }>(
    `SELECT assignment, max(sequence) AS sequence FROM log_lines WHERE day = $1 AND run_id = $2
     GROUP BY assignment ORDER BY assignment`,
    [runIdDay(runId), runId],
  );
}
