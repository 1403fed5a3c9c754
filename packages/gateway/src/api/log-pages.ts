import { isEndState, PlatformError } from "@millrace/core";
import type { runApi } from "@millrace/protocol";
import type { LogFilter, LogPosition, LogRecord, Logs, RunRecord } from "@millrace/store";
import { gapAtEnd, gapBetween, lastLinesOf } from "./log-gaps.ts";
import { lostEntry, storedEntry, streamNameOf, streamOf, type LoggedRun } from "./log-entry.ts";
import { Poll, type PollPace } from "./poll.ts";

/** How long a reader waits for the last line of a run that has ended. */
const LAST_LINE_MS = 2_000;
/** Lines of a run that ended longer ago are there or lost. */
const SETTLED_MS = 10_000;
/** Most text of a page: what is around each line comes on top, and a message may have 8 MiB. */
const PAGE_BYTES_MAX = 3 * 1024 * 1024;
const TEXT_MAX = 200;
const DOWNLOAD_LINES = 2_000;
const PACE: PollPace = { firstMs: 25, maxMs: 200 };

/** What is asked for of a log: a page, or all of it. */
export type LogRequest = Pick<runApi.ListRunLogsRequest, "pageToken" | "text" | "streams" | "step" | "fromEnd">;

/** All lines, from the first on. */
export const WHOLE_LOG: LogRequest = { pageToken: "", text: "", streams: [], step: "", fromEnd: false };

/** A place in a log, and which way to read from it; undefined for an end of it. */
interface Place {
  readonly backward: boolean;
  readonly at: LogPosition | undefined;
}

/** What the record has of runs' logs, in pages. */
export class LogPages {
  readonly #logs: Logs;

  constructor(logs: Logs) {
    this.#logs = logs;
  }

  /** One page. Throws `INVALID_PAGE_TOKEN`, `TEXT_TOO_LONG` and `STEP_UNKNOWN`. */
  async list(
    run: RunRecord,
    pageSize: number,
    request: LogRequest,
    signal: AbortSignal,
  ): Promise<runApi.ListRunLogsResponse> {
    const filter = toFilter(run, request);
    const place = parsePlace(request);
    const lastLines = lastLinesOf(run);
    if (isEndState(run.state)) await this.#untilStored(run, lastLines, signal);
    return place.backward
      ? this.#backward(run, pageSize, filter, place, lastLines)
      : this.#forward(run, pageSize, filter, place, lastLines);
  }

  /** The whole log as text, in pieces. */
  async *download(run: RunRecord, request: LogRequest, signal: AbortSignal): AsyncGenerator<Buffer> {
    let pageToken = "";
    do {
      const page = await this.list(run, DOWNLOAD_LINES, { ...request, pageToken, fromEnd: false }, signal);
      yield Buffer.from(page.entries.map(textOf).join(""));
      pageToken = page.nextPageToken;
    } while (pageToken !== "" && !signal.aborted);
  }

  async #forward(
    run: RunRecord,
    pageSize: number,
    filter: LogFilter | undefined,
    { at: after }: Place,
    lastLines: ReadonlyMap<number, number>,
  ): Promise<runApi.ListRunLogsResponse> {
    const lines = await this.#logs.list(run.id, { limit: pageSize + 1, ...(after && { after }), ...filter });
    const page = cutPage(lines, pageSize);
    const isLast = page.length === lines.length;
    const ends = isLast && isEndState(run.state) ? lastLines : undefined;
    return {
      entries: entriesOf(run, page, filter, after, ends),
      nextPageToken: isLast ? "" : tokenOf(page.at(-1)),
      previousPageToken: after === undefined ? "" : `<${tokenOf(page[0] ?? behind(after))}`,
    };
  }

  async #backward(
    run: RunRecord,
    pageSize: number,
    filter: LogFilter | undefined,
    { at: before }: Place,
    lastLines: ReadonlyMap<number, number>,
  ): Promise<runApi.ListRunLogsResponse> {
    const found = await this.#logs.list(run.id, {
      limit: pageSize + 1,
      backward: true,
      ...(before && { before }),
      ...filter,
    });
    const newest = cutPage(found, pageSize);
    const page = [...newest].reverse();
    const isFirst = newest.length === found.length;
    const isLast = before === undefined;
    return {
      entries: entriesOf(
        run,
        page,
        filter,
        found[newest.length],
        isLast && isEndState(run.state) ? lastLines : undefined,
      ),
      nextPageToken: isLast ? "" : tokenOf(page.at(-1)),
      previousPageToken: isFirst ? "" : `<${tokenOf(page[0])}`,
    };
  }

  /** Waits until the record has the last line of each assignment, or until that cannot be hoped for any more. */
  async #untilStored(run: RunRecord, lastLines: ReadonlyMap<number, number>, signal: AbortSignal): Promise<void> {
    if (lastLines.size === 0 || Date.now() - (run.endTimeMs ?? 0) > SETTLED_MS) return;
    const poll = new Poll(PACE);
    const deadline = performance.now() + LAST_LINE_MS;
    while (!signal.aborted) {
      const stored = new Map((await this.#logs.last(run.id)).map((last) => [last.assignment, last.sequence]));
      const isComplete = [...lastLines].every(([assignment, sequence]) => (stored.get(assignment) ?? 0) >= sequence);
      if (isComplete || performance.now() >= deadline) return;
      await poll.pause(signal);
    }
  }
}

/** What is needed of a run to show its lines. */
export function loggedRun(record: RunRecord): LoggedRun {
  return { workflowId: record.workflowId, id: record.id, stepNames: record.spec.stepNames };
}

/** `<assignment>.<sequence>`; undefined for nothing. Throws `INVALID_PAGE_TOKEN`. */
export function parsePosition(token: string): LogPosition | undefined {
  if (token === "") return undefined;
  const match = /^(\d{1,9})\.(\d{1,15})$/.exec(token);
  if (match === null)
    throw new PlatformError("InvalidArgument", "INVALID_PAGE_TOKEN", "page_token is not one of this list");
  return { assignment: Number(match[1]), sequence: Number(match[2]) };
}

function parsePlace({ pageToken, fromEnd }: LogRequest): Place {
  if (pageToken === "") return { backward: fromEnd, at: undefined };
  const backward = pageToken.startsWith("<");
  return { backward, at: parsePosition(backward ? pageToken.slice(1) : pageToken) };
}

function tokenOf(line: LogPosition | undefined): string {
  return line === undefined ? "" : `${line.assignment}.${line.sequence}`;
}

/** Lines up to a place, it included, come before this. */
function behind({ assignment, sequence }: LogPosition): LogPosition {
  return { assignment, sequence: sequence + 1 };
}

/** Undefined for all lines. */
function toFilter(run: RunRecord, { text, streams, step }: LogRequest): LogFilter | undefined {
  if (text.length > TEXT_MAX) {
    const message = `a text to look for has at most ${TEXT_MAX} characters`;
    throw new PlatformError("InvalidArgument", "TEXT_TOO_LONG", message);
  }
  const index = run.spec.stepNames.indexOf(step);
  if (step !== "" && index < 0) {
    const message = `the run has no step ${JSON.stringify(step.slice(0, 100))}`;
    throw new PlatformError("InvalidArgument", "STEP_UNKNOWN", message);
  }
  const names = streams.map(streamNameOf).filter((name) => name !== undefined);
  if (text === "" && streams.length === 0 && step === "") return undefined;
  return {
    ...(text !== "" && { text }),
    ...(streams.length > 0 && { streams: names }),
    ...(step !== "" && { path: `steps/${index}` }),
  };
}

/** As many lines as a page may have, at least one. */
function cutPage(lines: readonly LogRecord[], pageSize: number): readonly LogRecord[] {
  let bytes = 0;
  const end = lines.findIndex(({ text }, index) => {
    bytes += Buffer.byteLength(text);
    return index >= pageSize || (index > 0 && bytes > PAGE_BYTES_MAX);
  });
  return end < 0 ? lines : lines.slice(0, end);
}

/** Between lines that were chosen it means nothing that some are missing. */
function entriesOf(
  record: RunRecord,
  lines: readonly LogRecord[],
  filter: LogFilter | undefined,
  after: LogPosition | undefined,
  lastLines: ReadonlyMap<number, number> | undefined,
): runApi.LogEntry[] {
  const run = loggedRun(record);
  return filter === undefined ? withGaps(run, lines, after, lastLines) : lines.map((line) => storedEntry(run, line));
}

/** Lines with a note wherever some are missing; what is missing at the end is known only of a run that has ended. */
function withGaps(
  run: LoggedRun,
  lines: readonly LogRecord[],
  after: LogPosition | undefined,
  lastLines: ReadonlyMap<number, number> | undefined,
): runApi.LogEntry[] {
  const entries: runApi.LogEntry[] = [];
  const note = (gap: ReturnType<typeof gapBetween>): void => {
    if (gap !== undefined) entries.push(lostEntry(run, gap));
  };
  let before = after;
  for (const line of lines) {
    if (before !== undefined && before.assignment !== line.assignment && lastLines) note(gapAtEnd(before, lastLines));
    note(gapBetween(before, line));
    entries.push(storedEntry(run, line));
    before = line;
  }
  if (lastLines === undefined) return entries;
  if (before !== undefined) note(gapAtEnd(before, lastLines));
  for (const [assignment] of lastLines) {
    if (assignment > (before?.assignment ?? 0)) note(gapAtEnd({ assignment, sequence: 0 }, lastLines));
  }
  return entries;
}

function textOf({ time, stream, step, text }: runApi.LogEntry): string {
  return `${time?.toISOString() ?? "-"} ${streamOf(stream)} ${step === "" ? "-" : step} ${text}\n`;
}
