import { createRunId, PlatformError } from "@millrace/core";
import type { deadLetterApi, runApi } from "@millrace/protocol";
import { encodePageToken, type DeadLetters, type RunFilter, type RunRecord, type Runs } from "@millrace/store";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { DefinitionCache } from "../definitions/definition-cache.ts";
import type { ApiContext } from "./api-caller.ts";
import { pageSizeOf } from "./paging.ts";
import { parseRunName, runNameOf } from "./resource-names.ts";
import { listedWorkflow, timesOf } from "./run-filter.ts";
import { toRunSummary } from "./run-message.ts";
import type { RunStarter } from "./run-starter.ts";

const PAGE = { fallback: 50, max: 1000 };
const SETTLE_PAGE = { fallback: 50, max: 200 };
/** Of replaying one page; the next call goes on with the rest. */
const SETTLE_MS = 20_000;
/** What stands in the way of the next ones, too. */
const STOPPING: ReadonlySet<PlatformError["kind"]> = new Set(["ResourceExhausted", "Unavailable"]);

export interface DeadLetterServiceOptions {
  readonly runs: Runs;
  readonly deadLetters: DeadLetters;
  readonly cache: DefinitionCache;
  readonly starter: RunStarter;
  /** Of replays of many, through this gateway. */
  readonly replaysPerSecond: number;
}

type Filter = Pick<
  deadLetterApi.ListDeadLettersRequest,
  "parent" | "pageSize" | "pageToken" | "text" | "createdFrom" | "createdBefore"
>;

/** `millrace.api.v1.DeadLetterService`. */
export class DeadLetterService {
  readonly #options: DeadLetterServiceOptions;
  /** Replays under way, by the dead letter: whoever asks for the same again waits for it. */
  readonly #replaying = new Map<string, Promise<string>>();
  /** When the next replay of many may start. */
  #nextMs = 0;

  constructor(options: DeadLetterServiceOptions) {
    this.#options = options;
  }

  async listDeadLetters(
    request: deadLetterApi.ListDeadLettersRequest,
    { principal }: ApiContext,
  ): Promise<deadLetterApi.ListDeadLettersResponse> {
    const page = await this.#options.runs.list(this.#filterOf(request, principal.projectId, PAGE));
    const { nextPageToken, partial } = page;
    return { runs: page.items.map(toRunSummary), nextPageToken, partial };
  }

  async replayDeadLetter({ name }: deadLetterApi.ReplayDeadLetterRequest, context: ApiContext): Promise<runApi.Run> {
    const { projectId } = context.principal;
    const replayId = await this.#replay(await this.#find(projectId, name), context);
    return toRunSummary(await this.#options.runs.get(projectId, replayId));
  }

  async discardDeadLetter(
    { name }: deadLetterApi.DiscardDeadLetterRequest,
    { principal: { projectId } }: ApiContext,
  ): Promise<runApi.Run> {
    const run = await this.#find(projectId, name);
    const settled = (await this.#options.deadLetters.discard(projectId, [run.id])).get(run.id);
    if (settled?.action !== "DISCARDED") throw replayed(settled?.replayId);
    return toRunSummary(run);
  }

  async replayDeadLetters(
    request: deadLetterApi.ReplayDeadLettersRequest,
    context: ApiContext,
  ): Promise<deadLetterApi.SettleDeadLettersResponse> {
    const { projectId } = context.principal;
    const { runs } = this.#options;
    const page = await runs.list(this.#filterOf(request, projectId, SETTLE_PAGE));
    const settled: deadLetterApi.SettledDeadLetter[] = [];
    const untilMs = performance.now() + SETTLE_MS;
    let last = request.pageToken;
    for (const { id, workflowId } of page.items) {
      if (performance.now() > untilMs || context.signal.aborted) return stopped(settled, last, "");
      await this.#turn();
      const run = runNameOf(workflowId, id);
      try {
        const replay = await this.#replay(await runs.get(projectId, id), context);
        settled.push({ run, replay: runNameOf(workflowId, replay), refusedReason: "" });
      } catch (thrown) {
        if (!(thrown instanceof PlatformError)) throw thrown;
        if (STOPPING.has(thrown.kind)) return stopped(settled, last, thrown.reason);
        settled.push({ run, replay: "", refusedReason: thrown.reason });
      }
      last = encodePageToken(id);
    }
    return stopped(settled, page.nextPageToken, "");
  }

  async discardDeadLetters(
    request: deadLetterApi.DiscardDeadLettersRequest,
    { principal: { projectId } }: ApiContext,
  ): Promise<deadLetterApi.SettleDeadLettersResponse> {
    const { runs, deadLetters } = this.#options;
    const page = await runs.list(this.#filterOf(request, projectId, SETTLE_PAGE));
    const ids = page.items.map(({ id }) => id);
    const found = await deadLetters.discard(projectId, ids);
    const settled = page.items.map(({ id, workflowId }) => {
      const refusedReason = found.get(id)?.action === "DISCARDED" ? "" : "DEAD_LETTER_REPLAYED";
      return { run: runNameOf(workflowId, id), replay: "", refusedReason };
    });
    return stopped(settled, page.nextPageToken, "");
  }

  #replay(run: RunRecord, context: ApiContext): Promise<string> {
    const underWay = this.#replaying.get(run.id);
    if (underWay !== undefined) return underWay;
    const replaying = this.#replayNow(run, context).finally(() => this.#replaying.delete(run.id));
    this.#replaying.set(run.id, replaying);
    return replaying;
  }

  /**
   * The new run has its id before it is submitted, so that whoever repeats this submits the same run again, which changes
   * nothing when it was accepted.
   */
  async #replayNow(run: RunRecord, context: ApiContext): Promise<string> {
    const { deadLetters, starter } = this.#options;
    const { action, replayId } = await deadLetters.reserve(run.projectId, run.id, newRunId());
    if (action === "DISCARDED" || replayId === null) {
      const message = `the dead letter ${run.id} was discarded; replay it as a run`;
      throw new PlatformError("FailedPrecondition", "DEAD_LETTER_DISCARDED", message);
    }
    if (action === "REPLAYED") return replayId;
    await starter.replay(run, { requestId: "", waitMs: 0, runId: replayId }, context);
    await deadLetters.confirm(run.id);
    return replayId;
  }

  /** Waits for a place: so many a second, evenly. */
  async #turn(): Promise<void> {
    const nowMs = performance.now();
    const atMs = Math.max(nowMs, this.#nextMs);
    this.#nextMs = atMs + 1000 / this.#options.replaysPerSecond;
    if (atMs > nowMs) await sleep(atMs - nowMs);
  }

  #filterOf(request: Filter, projectId: string, bounds: typeof PAGE): RunFilter {
    const workflowId = listedWorkflow(this.#options.cache, projectId, request.parent);
    return {
      projectId,
      deadLetters: true,
      pageSize: pageSizeOf(request.pageSize, bounds),
      pageToken: request.pageToken,
      ...timesOf(request),
      ...(workflowId !== undefined && { workflowId }),
      ...(request.text !== "" && { text: request.text }),
    };
  }

  async #find(projectId: string, name: string): Promise<RunRecord> {
    const { workflow, runId } = parseRunName(name);
    const run = await this.#options.runs.get(projectId, runId);
    if (workflow !== undefined && workflow !== run.workflowId && workflow !== run.workflowName) {
      throw new PlatformError("NotFound", "RUN_NOT_FOUND", `there is no run ${runId}`);
    }
    if (run.state === "FAILED") return run;
    throw new PlatformError("FailedPrecondition", "NOT_A_DEAD_LETTER", `run ${runId} has not failed`);
  }
}

function newRunId(): string {
  return createRunId(Date.now(), randomBytes(10));
}

function stopped(
  settled: deadLetterApi.SettledDeadLetter[],
  nextPageToken: string,
  stoppedReason: string,
): deadLetterApi.SettleDeadLettersResponse {
  return { settled, nextPageToken, stoppedReason };
}

function replayed(replayId: string | null | undefined): PlatformError {
  const message = `the dead letter was replayed, as run ${replayId ?? ""}`;
  return new PlatformError("FailedPrecondition", "DEAD_LETTER_REPLAYED", message);
}
