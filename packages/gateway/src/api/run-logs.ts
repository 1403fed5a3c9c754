import type { LogStream } from "@millrace/bus";
import { isEndState, partitionOf, PlatformError } from "@millrace/core";
import type { control, runApi } from "@millrace/protocol";
import type { LogPosition, LogRecord, Logs, RunRecord, Runs } from "@millrace/store";
import type { DefinitionCache } from "../definitions/definition-cache.ts";
import { EntryQueue } from "./entry-queue.ts";
import { gapAtEnd, gapBetween, lastLinesOf } from "./log-gaps.ts";
import { liveEntry, lostEntry, storedEntry, type LoggedRun } from "./log-entry.ts";
import { Poll, type PollPace } from "./poll.ts";
import { parseTailName } from "./resource-names.ts";

/** How long a reader waits for the last line of a run that has ended. */
const LAST_LINE_MS = 2_000;
/** Lines of a run that ended longer ago are there or lost. */
const SETTLED_MS = 10_000;
const LOOK_MS = 250;
const ENTRIES_MAX = 10_000;
const RUNS_MAX = 1_000;
/** Most text of a page: what is around each line comes on top, and a message may have 8 MiB. */
const PAGE_BYTES_MAX = 3 * 1024 * 1024;
const PACE: PollPace = { firstMs: 25, maxMs: 200 };

export interface RunLogsOptions {
  readonly runs: Runs;
  readonly logs: Logs;
  readonly stream: LogStream;
  readonly cache: DefinitionCache;
  readonly partitionCount: number;
}

/** What runs have logged: from the record, and live from the log stream. */
export class RunLogs {
  readonly #options: RunLogsOptions;

  constructor(options: RunLogsOptions) {
    this.#options = options;
  }

  /** One page of a run's log; the token names the last line of the page before. */
  async list(
    run: RunRecord,
    pageSize: number,
    pageToken: string,
    signal: AbortSignal,
  ): Promise<runApi.ListRunLogsResponse> {
    const lastLines = lastLinesOf(run);
    if (isEndState(run.state)) await this.#untilStored(run, lastLines, signal);
    const after = parsePosition(pageToken);
    const limit = pageSize + 1;
    const lines = await this.#options.logs.list(run.id, after === undefined ? { limit } : { after, limit });
    const page = cutPage(lines, pageSize);
    const isLast = page.length === lines.length;
    const last = page.at(-1);
    return {
      entries: withGaps(loggedRun(run), page, after, isLast && isEndState(run.state) ? lastLines : undefined),
      nextPageToken: isLast || last === undefined ? "" : `${last.assignment}.${last.sequence}`,
      previousPageToken: "",
    };
  }

  /** Lines as they are written; those of one run from the first on, until the run has ended. */
  async *tail(
    projectId: string,
    name: string,
    signal: AbortSignal,
    cursor = "",
  ): AsyncGenerator<runApi.TailRunLogsResponse> {
    const { workflow, runId } = parseTailName(name);
    const after = parsePosition(cursor);
    if (runId === undefined) {
      for await (const entries of this.#tailProject(projectId, workflow, signal)) yield { entries, cursor: "" };
      return;
    }
    for await (const batch of this.#tailRun(projectId, workflow, runId, signal)) {
      const entries = after === undefined ? batch : batch.filter((entry) => isBehind(entry, after));
      const last = entries.at(-1);
      if (last !== undefined) yield { entries, cursor: `${last.assignment}.${last.sequence}` };
    }
  }

  async *#tailRun(
    projectId: string,
    workflow: string | undefined,
    runId: string,
    signal: AbortSignal,
  ): AsyncGenerator<runApi.LogEntry[]> {
    const { runs, stream } = this.#options;
    let record = await runs.get(projectId, runId);
    if (workflow !== undefined && workflow !== record.workflowId && workflow !== record.workflowName) {
      throw new PlatformError("NotFound", "RUN_NOT_FOUND", `there is no run ${runId}`);
    }
    const run = loggedRun(record);
    const seen = new Map<number, number>();
    const queue = new EntryQueue(ENTRIES_MAX);
    const reader = stream.tail({ runId }, (batch) => queue.push(entriesOf(run, batch)));
    try {
      let lookAt = 0;
      let endAt = Infinity;
      while (!signal.aborted) {
        await queue.wait(LOOK_MS, signal);
        const entries = this.#drain(queue, run);
        for (const { assignment } of entries) seen.set(assignment, (seen.get(assignment) ?? 0) + 1);
        if (entries.length > 0) yield entries;
        if (endAt === Infinity && performance.now() >= lookAt) {
          lookAt = performance.now() + LOOK_MS;
          if (!isEndState(record.state)) record = await this.#newer(record);
          if (isEndState(record.state)) endAt = performance.now() + LAST_LINE_MS;
        }
        if (endAt !== Infinity && missingLines(record, seen).length === 0) return;
        if (performance.now() < endAt) continue;
        yield* this.#rest(record, seen);
        return;
      }
    } finally {
      reader.close();
    }
  }

  /** The run as it is now, read whole only when it has ended. */
  async #newer(record: RunRecord): Promise<RunRecord> {
    const { runs } = this.#options;
    const state = await runs.getState(record.id);
    return state !== undefined && isEndState(state) ? runs.get(record.projectId, record.id) : record;
  }

  /** What left the log stream before it was read is in the record, unless it is lost. */
  async *#rest(record: RunRecord, seen: ReadonlyMap<number, number>): AsyncGenerator<runApi.LogEntry[]> {
    if (seen.size > 0) {
      const run = loggedRun(record);
      yield missingLines(record, seen).map((gap) => lostEntry(run, gap));
      return;
    }
    let pageToken = "";
    do {
      const page = await this.list(record, ENTRIES_MAX, pageToken, new AbortController().signal);
      yield page.entries;
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  }

  async *#tailProject(
    projectId: string,
    workflow: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<runApi.LogEntry[]> {
    const { cache, stream } = this.#options;
    const wanted = workflow === undefined ? undefined : cache.findWorkflow(projectId, workflow);
    if (workflow !== undefined && wanted === undefined) {
      throw new PlatformError("NotFound", "WORKFLOW_NOT_FOUND", `there is no workflow ${JSON.stringify(workflow)}`);
    }
    const known = new KnownRuns(this.#options.runs);
    const queue = new EntryQueue(ENTRIES_MAX);
    const filter =
      wanted === undefined
        ? { projectId }
        : { partition: partitionOf(wanted.id, this.#options.partitionCount), workflowId: wanted.id };
    const reader = stream.tail(filter, (batch) => {
      // The filter is the stream's business; whose lines these are is ours.
      if (batch.projectId === projectId) void known.describe(batch).then((run) => queue.push(entriesOf(run, batch)));
    });
    try {
      while (!signal.aborted) {
        await queue.wait(60_000, signal);
        const entries = this.#drain(queue, { workflowId: wanted?.id ?? "-", id: "-", stepNames: [] });
        if (entries.length > 0) yield entries;
      }
    } finally {
      reader.close();
    }
  }

  #drain(queue: EntryQueue, run: LoggedRun): runApi.LogEntry[] {
    const { entries, dropped } = queue.take();
    return dropped === 0 ? entries : [...entries, lostEntry(run, { assignment: 0, sequence: 0, count: dropped })];
  }

  /** Waits until the record has the last line of each assignment, or until that cannot be hoped for any more. */
  async #untilStored(run: RunRecord, lastLines: ReadonlyMap<number, number>, signal: AbortSignal): Promise<void> {
    if (lastLines.size === 0 || Date.now() - (run.endTimeMs ?? 0) > SETTLED_MS) return;
    const poll = new Poll(PACE);
    const deadline = performance.now() + LAST_LINE_MS;
    while (!signal.aborted) {
      const stored = new Map((await this.#options.logs.last(run.id)).map((last) => [last.assignment, last.sequence]));
      const isComplete = [...lastLines].every(([assignment, sequence]) => (stored.get(assignment) ?? 0) >= sequence);
      if (isComplete || performance.now() >= deadline) return;
      await poll.pause(signal);
    }
  }
}

/** Names of the steps of runs that are being followed, asked once for each run. */
class KnownRuns {
  readonly #runs: Runs;
  readonly #known = new Map<string, Promise<LoggedRun>>();

  constructor(runs: Runs) {
    this.#runs = runs;
  }

  describe(batch: control.LogBatch): Promise<LoggedRun> {
    const id = batch.handing?.runId ?? "";
    const known = this.#known.get(id) ?? this.#ask(id, batch.workflowId);
    this.#known.set(id, known);
    if (this.#known.size > RUNS_MAX) this.#known.delete(this.#known.keys().next().value!);
    return known;
  }

  async #ask(id: string, workflowId: string): Promise<LoggedRun> {
    try {
      return loggedRun(await this.#runs.get(null, id));
    } catch {
      // The lines matter more than the names of their steps.
      return { workflowId, id, stepNames: [] };
    }
  }
}

function loggedRun(record: RunRecord): LoggedRun {
  return { workflowId: record.workflowId, id: record.id, stepNames: record.spec.stepNames };
}

function entriesOf(run: LoggedRun, { handing, lines }: control.LogBatch): runApi.LogEntry[] {
  return handing === undefined ? [] : lines.map((line) => liveEntry(run, handing, line));
}

/** Lines that the run's end says were written and that have not come. */
function missingLines(record: RunRecord, seen: ReadonlyMap<number, number>) {
  return [...lastLinesOf(record)].flatMap(([assignment, sequence]) => {
    const count = sequence - (seen.get(assignment) ?? 0);
    return count > 0 ? [{ assignment, sequence, count }] : [];
  });
}

/** Lines with a note wherever some are missing; what is missing at the end is known only of a run that has ended. */
/** As many lines as a page may have, at least one. */
function cutPage(lines: readonly LogRecord[], pageSize: number): readonly LogRecord[] {
  let bytes = 0;
  const end = lines.findIndex(({ text }, index) => {
    bytes += Buffer.byteLength(text);
    return index >= pageSize || (index > 0 && bytes > PAGE_BYTES_MAX);
  });
  return end < 0 ? lines : lines.slice(0, end);
}

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

function isBehind({ assignment, sequence }: LogPosition, after: LogPosition): boolean {
  return assignment > after.assignment || (assignment === after.assignment && sequence > after.sequence);
}

function parsePosition(pageToken: string): LogPosition | undefined {
  if (pageToken === "") return undefined;
  const match = /^(\d{1,9})\.(\d{1,15})$/.exec(pageToken);
  if (match === null)
    throw new PlatformError("InvalidArgument", "INVALID_PAGE_TOKEN", "page_token is not one of this list");
  return { assignment: Number(match[1]), sequence: Number(match[2]) };
}
