import type { LogStream } from "@millrace/bus";
import { isEndState, partitionOf, PlatformError } from "@millrace/core";
import type { control, runApi } from "@millrace/protocol";
import type { LogPosition, Logs, RunRecord, Runs } from "@millrace/store";
import type { DefinitionCache } from "../definitions/definition-cache.ts";
import { EntryQueue } from "./entry-queue.ts";
import { lastLinesOf } from "./log-gaps.ts";
import { liveEntry, lostEntry, type LoggedRun } from "./log-entry.ts";
import { loggedRun, LogPages, parsePosition, WHOLE_LOG } from "./log-pages.ts";
import { parseTailName } from "./resource-names.ts";

/** How long a reader waits for the last line of a run that has ended. */
const LAST_LINE_MS = 2_000;
const LOOK_MS = 250;
const ENTRIES_MAX = 10_000;
const RUNS_MAX = 1_000;

export interface RunLogsOptions {
  readonly runs: Runs;
  readonly logs: Logs;
  readonly stream: LogStream;
  readonly cache: DefinitionCache;
  readonly partitionCount: number;
}

/** What runs have logged: from the record, and live from the log stream. */
export class RunLogs {
  /** What the record has of them. */
  readonly pages: LogPages;
  readonly #options: RunLogsOptions;

  constructor(options: RunLogsOptions) {
    this.#options = options;
    this.pages = new LogPages(options.logs);
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
      const page = await this.pages.list(
        record,
        ENTRIES_MAX,
        { ...WHOLE_LOG, pageToken },
        new AbortController().signal,
      );
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

function isBehind({ assignment, sequence }: LogPosition, after: LogPosition): boolean {
  return assignment > after.assignment || (assignment === after.assignment && sequence > after.sequence);
}
