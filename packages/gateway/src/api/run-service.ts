import { randomUUID } from "node:crypto";
import { isEndState, PlatformError } from "@millrace/core";
import type { runApi } from "@millrace/protocol";
import type { RunRecord, Runs } from "@millrace/store";
import type { DefinitionCache } from "../definitions/definition-cache.ts";
import type { RunFiles } from "../files/run-files.ts";
import { checkJsonText } from "../http/json-text.ts";
import type { EndWatch } from "../runs/end-watch.ts";
import type { RunDesk } from "../runs/run-desk.ts";
import type { RunnerDirectory } from "../services/runner-directory.ts";
import { waitReasonOf, wishOf, type WaitReason } from "../services/wait-reason.ts";
import type { RunFeed } from "../runs/run-feed.ts";
import type { VersionCache } from "../runs/version-cache.ts";
import type { ApiCaller, ApiContext } from "./api-caller.ts";
import { waitMsOf } from "./durations.ts";
import { pageSizeOf } from "./paging.ts";
import { Poll, type PollPace } from "./poll.ts";
import { WHOLE_LOG } from "./log-pages.ts";
import type { ReaderGate } from "./reader-gate.ts";
import type { SubmitCall } from "./submit-stream.ts";
import type { SubmitStreams } from "./submit-streams.ts";
import { parseRunName, parseWorkflowName } from "./resource-names.ts";
import { toRunFilter } from "./run-filter.ts";
import type { RunLogs } from "./run-logs.ts";
import { toRun, toRunSummary } from "./run-message.ts";
import { watchRuns } from "./run-watch.ts";
import type { RunValues, ShownRun } from "./run-values.ts";
import type { RunStarter } from "./run-starter.ts";

const LOG_PAGE = { fallback: 1000, max: 10_000 };
const WAIT = { fallbackMs: 30_000, maxMs: 900_000 };
const CREATE_WAIT = { fallbackMs: 0, maxMs: 900_000 };
const PACE: PollPace = { firstMs: 100, maxMs: 1_000 };
const REASON_MAX = 1000;
const RESUME_BYTES_MAX = 512 * 1024;

/** What a list is asked beside what a watch is asked, too. */
const LISTED = { pageSize: 0, pageToken: "", state: 0, requestId: "" } as const;

export interface RunServiceOptions {
  readonly runs: Runs;
  readonly cache: DefinitionCache;
  readonly versions: VersionCache;
  readonly runners: Pick<RunnerDirectory, "living">;
  readonly desk: RunDesk;
  readonly starter: RunStarter;
  readonly submits: SubmitStreams;
  readonly logs: RunLogs;
  readonly ends: EndWatch;
  readonly gate: ReaderGate;
  readonly feed: RunFeed;
  readonly values: RunValues;
  readonly files: RunFiles;
}

/** `millrace.api.v1.RunService`. */
export class RunService {
  readonly #options: RunServiceOptions;

  constructor(options: RunServiceOptions) {
    this.#options = options;
  }

  async createRun(request: runApi.CreateRunRequest, context: ApiContext): Promise<runApi.Run> {
    const { starter } = this.#options;
    const started = await starter.create(
      parseWorkflowName(request.parent),
      request,
      waitMsOf(request.waitTimeout, CREATE_WAIT),
      context,
    );
    return started.accepted ?? this.#load(context.principal, started.runId);
  }

  streamSubmitRuns(call: SubmitCall, context: ApiContext): Promise<void> {
    return this.#options.submits.serve(call, context);
  }

  async replayRun(request: runApi.ReplayRunRequest, context: ApiContext): Promise<runApi.Run> {
    const original = await this.#find(context.principal, request.name);
    const waitMs = waitMsOf(request.waitTimeout, CREATE_WAIT);
    const { requestId, fromStep, newestVersion, eventJson } = request;
    const replay = { requestId, waitMs, fromStep, newestVersion, eventJson };
    const started = await this.#options.starter.replay(original, replay, context);
    return started.accepted ?? this.#load(context.principal, started.runId);
  }

  async waitRun(request: runApi.WaitRunRequest, { principal, signal }: ApiContext): Promise<runApi.Run> {
    const { id, state } = await this.#find(principal, request.name);
    const waitMs = waitMsOf(request.timeout, WAIT);
    if (!isEndState(state)) await this.#options.ends.wait(id, waitMs, this.#options.gate.signalOf(signal));
    return this.#load(principal, id);
  }

  async getRun(request: runApi.GetRunRequest, { principal }: ApiContext): Promise<runApi.Run> {
    const shown = await this.#options.values.show(await this.#find(principal, request.name));
    const eventJson = Buffer.from(shown.record.input.eventJson).toString("utf8");
    const wait = shown.record.state === "PENDING" ? await this.#waitOf(shown.record.versionId) : undefined;
    return { ...(await this.#toMessage(shown)), eventJson, wait };
  }

  async #waitOf(versionId: string): Promise<WaitReason | undefined> {
    const { versions, runners } = this.#options;
    return waitReasonOf(wishOf(await versions.get(versionId)), runners.living());
  }

  async listRuns(request: runApi.ListRunsRequest, { principal }: ApiContext): Promise<runApi.ListRunsResponse> {
    const { runs, cache } = this.#options;
    const page = await runs.list(toRunFilter(request, principal.projectId, cache));
    return { runs: page.items.map(toRunSummary), nextPageToken: page.nextPageToken, partial: page.partial };
  }

  async *watchRun(
    request: runApi.WatchRunRequest,
    { principal, signal }: ApiContext,
  ): AsyncIterable<runApi.WatchRunResponse> {
    const { gate } = this.#options;
    using _place = gate.enter();
    const stop = gate.signalOf(signal);
    const poll = new Poll(PACE);
    let record = await this.#find(principal, request.name);
    let shown = "";
    for (;;) {
      const fingerprint = fingerprintOf(record);
      if (fingerprint !== shown) {
        poll.reset();
        yield { run: await this.#toRun(record) };
      }
      shown = fingerprint;
      if (isEndState(record.state)) return;
      await poll.pause(stop);
      if (stop.aborted) break;
      record = await this.#find(principal, request.name);
    }
    gate.assertOpen();
  }

  async *watchRuns(
    request: runApi.WatchRunsRequest,
    { principal, signal }: ApiContext,
  ): AsyncIterable<runApi.WatchRunsResponse> {
    const { gate, feed, cache } = this.#options;
    const filter = toRunFilter({ ...LISTED, ...request }, principal.projectId, cache);
    using _place = gate.enter();
    const stop = gate.signalOf(signal);
    yield* watchRuns(feed, filter, request.cursor, stop);
    if (stop.aborted) gate.assertOpen();
  }

  async *downloadRunLogs(
    request: runApi.DownloadRunLogsRequest,
    { principal, signal }: ApiContext,
  ): AsyncIterable<runApi.DownloadRunLogsResponse> {
    const record = await this.#find(principal, request.parent);
    const asked = { ...WHOLE_LOG, text: request.text, streams: request.streams, step: request.step };
    for await (const content of this.#options.logs.pages.download(record, asked, signal)) yield { content };
  }

  async listRunLogs(
    request: runApi.ListRunLogsRequest,
    { principal, signal }: ApiContext,
  ): Promise<runApi.ListRunLogsResponse> {
    const record = await this.#find(principal, request.parent);
    return this.#options.logs.pages.list(record, pageSizeOf(request.pageSize, LOG_PAGE), request, signal);
  }

  async *tailRunLogs(
    request: runApi.TailRunLogsRequest,
    { principal, signal }: ApiContext,
  ): AsyncIterable<runApi.TailRunLogsResponse> {
    const { gate, logs } = this.#options;
    using _place = gate.enter();
    const stop = gate.signalOf(signal);
    yield* logs.tail(principal.projectId, request.parent, stop, request.cursor);
    if (stop.aborted) gate.assertOpen();
  }

  async cancelRun(request: runApi.CancelRunRequest, { principal }: ApiContext): Promise<runApi.Run> {
    if (request.reason.length > REASON_MAX) {
      throw new PlatformError("InvalidArgument", "INVALID_REASON", `a reason has at most ${REASON_MAX} characters`);
    }
    const record = await this.#find(principal, request.name);
    if (!isEndState(record.state)) {
      const state = await this.#options.desk.cancel(record.partition, record.id, request.reason);
      if (state === undefined) throw runNotFound(record.id);
    }
    return this.#load(principal, record.id);
  }

  async *readRunValue(
    request: runApi.ReadRunValueRequest,
    { principal, signal }: ApiContext,
  ): AsyncIterable<runApi.ReadRunValueResponse> {
    const record = await this.#find(principal, request.name);
    for await (const content of this.#options.values.read(record, request)) {
      if (signal.aborted) return;
      yield { content };
    }
  }

  async listRunFiles(
    request: runApi.ListRunFilesRequest,
    { principal }: ApiContext,
  ): Promise<runApi.ListRunFilesResponse> {
    const { record } = await this.#options.values.show(await this.#find(principal, request.parent));
    const { id, projectId, input } = record;
    return this.#options.files.list({ id, projectId, eventJson: input.eventJson });
  }

  async resumeRun(request: runApi.ResumeRunRequest, { principal }: ApiContext): Promise<runApi.Run> {
    const data = request.dataJson === "" ? "null" : request.dataJson;
    if (Buffer.byteLength(data) > RESUME_BYTES_MAX || !checkJsonText(data)) {
      const message = `data_json is JSON of at most ${RESUME_BYTES_MAX} bytes`;
      throw new PlatformError("InvalidArgument", "INVALID_DATA", message);
    }
    const { id: runId, partition, state, steps } = await this.#find(principal, request.name);
    // Of one pause, not of whichever the run is in by then: a second copy of the request must not end the next one.
    const path = state === "SUSPENDED" ? steps.findLast(({ result }) => result?.pause)?.path : undefined;
    if (path === undefined) throw notPaused(runId);
    const dataJson = Buffer.from(`{"$resume_data":${data}}`);
    const about = { partition, runId, path, reason: "", action: "RESUME", requestId: randomUUID() } as const;
    const { outcome } = await this.#options.desk.resume({ ...about, dataJson });
    if (outcome === "UNKNOWN") throw runNotFound(runId);
    if (outcome === "TOO_LARGE") {
      throw new PlatformError("InvalidArgument", "PAYLOAD_TOO_LARGE", "the run has no room for that much data");
    }
    if (outcome !== "DONE") throw notPaused(runId);
    return this.#load(principal, runId);
  }

  async #load({ projectId }: ApiCaller, runId: string): Promise<runApi.Run> {
    return this.#toRun(await this.#options.runs.get(projectId, runId));
  }

  /** The run that a name means; another workflow's run is not found under this one's name. */
  async #find({ projectId }: ApiCaller, name: string): Promise<RunRecord> {
    const { workflow, runId } = parseRunName(name);
    const record = await this.#options.runs.get(projectId, runId);
    const fits = workflow === undefined || workflow === record.workflowId || workflow === record.workflowName;
    if (!fits) throw runNotFound(runId);
    return record;
  }

  async #toRun(record: RunRecord): Promise<runApi.Run> {
    return this.#toMessage(await this.#options.values.show(record));
  }

  async #toMessage(shown: ShownRun): Promise<runApi.Run> {
    const { failure, versionId } = shown.record;
    return toRun(shown, failure === null ? "" : await this.#fileOf(versionId, failure.path));
  }

  /** The file of a step; unknown when the version cannot be read at the moment. */
  async #fileOf(versionId: string, path: string): Promise<string> {
    try {
      const { definition } = await this.#options.versions.get(versionId);
      const steps = (definition as { steps?: { python?: string }[] }).steps;
      return steps?.[Number(/^steps\/(\d+)(?:\/runs\/\d+)?$/.exec(path)?.[1])]?.python ?? "";
    } catch {
      return "";
    }
  }
}

/** Everything about a run that changes while it goes on. */
function fingerprintOf({ state, assignment, startTimeMs, steps }: RunRecord): string {
  return [state, assignment, startTimeMs, ...steps.map((step) => `${step.state}${step.runs}`)].join(" ");
}

function notPaused(runId: string): PlatformError {
  return new PlatformError("FailedPrecondition", "RUN_NOT_PAUSED", `run ${runId} is not paused`);
}

function runNotFound(runId: string): PlatformError {
  return new PlatformError("NotFound", "RUN_NOT_FOUND", `there is no run ${runId}`);
}
