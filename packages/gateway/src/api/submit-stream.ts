import { coerceError, PlatformError } from "@millrace/core";
import type { runApi } from "@millrace/protocol";
import { readOneAhead, toFailure, wellFormed, type CallCredentials } from "@millrace/rpc";
import { TRACEPARENT_HEADER, type Logger } from "@millrace/telemetry";
import type { DefinitionCache } from "../definitions/definition-cache.ts";
import type { ByteBudget } from "../http/byte-budget.ts";
import type { ApiCaller, ApiContext } from "./api-caller.ts";
import { durationOf } from "./durations.ts";
import type { ReaderGate } from "./reader-gate.ts";
import { parseWorkflowName } from "./resource-names.ts";
import type { RunStarter } from "./run-starter.ts";

/** How long the word of a session counts, which is asked for in the database. */
const SESSION_WORD_MS = 1_000;
/** Results in one message. */
const RESULTS_MAX = 256;

/** A stream of messages from a producer, and of results to it. */
export interface SubmitCall {
  on(event: "data", listener: (message: runApi.StreamSubmitRunsRequest) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
  /** @param taken told when the transport has room for further messages */
  write(message: runApi.StreamSubmitRunsResponse, taken: () => void): unknown;
  end(): unknown;
}

/** Bounds of one stream. */
export interface SubmitStreamLimits {
  /** Runs whose result the client has not read. */
  readonly runsMax: number;
  /** Bytes of events that are not durable yet; one that is larger goes alone. */
  readonly bytesMax: number;
  /** For which nothing may move. */
  readonly idleMs: number;
}

export interface SubmitStreamOptions {
  readonly starter: Pick<RunStarter, "create">;
  readonly cache: Pick<DefinitionCache, "generation">;
  readonly gate: Pick<ReaderGate, "signalOf" | "assertOpen">;
  readonly budget: ByteBudget;
  readonly authenticate: (credentials: CallCredentials) => ApiCaller | Promise<ApiCaller>;
  readonly limits: SubmitStreamLimits;
  readonly log: Logger;
}

/**
 * One stream by which a producer hands in runs. What is read is submitted at once, each message by itself, and answered in
 * whatever order the runs become durable; the results of one turn of the event loop go out together. A place is free again when
 * the transport has taken the run's result: a client that reads no results is not read from either, and holds what `limits` says.
 */
export class SubmitStream {
  readonly #call: SubmitCall;
  readonly #context: ApiContext;
  readonly #options: SubmitStreamOptions;
  readonly #signal: AbortSignal;
  readonly #over = Promise.withResolvers<void>();
  #results: runApi.RunSubmitResult[] = [];
  #runs = 0;
  #bytes = 0;
  #isPaused = false;
  /** Nothing more is read. */
  #isClosed = false;
  /** Why, when it was not the client who closed its side. */
  #reason: PlatformError | undefined;
  #isOver = false;
  #moves = 0;
  #checkedGeneration: number;
  #checkedAtMs = performance.now();
  #checking: Promise<void> | undefined;

  constructor(call: SubmitCall, context: ApiContext, options: SubmitStreamOptions) {
    this.#call = call;
    this.#context = context;
    this.#options = options;
    this.#signal = options.gate.signalOf(context.signal);
    this.#checkedGeneration = options.cache.generation;
  }

  /** Resolves when all that was read is answered and the client has closed its side, or is gone; throws what else ended it. */
  async serve(): Promise<void> {
    const leave = (): void => this.#leave();
    if (this.#signal.aborted) leave();
    else this.#signal.addEventListener("abort", leave, { once: true });
    const idle = this.#watchIdleness();
    readOneAhead(this.#call);
    this.#call.on("data", (message) => this.#read(message));
    this.#call.on("end", () => this.#close(undefined));
    try {
      await this.#over.promise;
    } finally {
      clearInterval(idle);
      this.#signal.removeEventListener("abort", leave);
    }
    if (this.#reason !== undefined) throw this.#reason;
    this.#call.end();
  }

  #watchIdleness(): NodeJS.Timeout {
    let seen = this.#moves;
    const { idleMs } = this.#options.limits;
    const timer = setInterval(() => {
      if (this.#moves === seen) {
        this.#close(
          new PlatformError("Unavailable", "STREAM_IDLE", `nothing has moved for ${idleMs} ms; open another`),
        );
        this.#end();
      }
      seen = this.#moves;
    }, idleMs);
    return timer.unref();
  }

  /** The client is gone: nobody reads results any more, and what was read goes on. Or the gateway stops. */
  #leave(): void {
    if (this.#context.signal.aborted) {
      this.#close(coerceError(this.#context.signal.reason));
      return this.#end();
    }
    try {
      this.#options.gate.assertOpen();
    } catch (thrown) {
      this.#close(coerceError(thrown));
    }
  }

  #close(reason: PlatformError | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#reason = reason;
    if (reason !== undefined) this.#call.pause();
    this.#finish();
  }

  #finish(): void {
    if (this.#isClosed && this.#runs === 0) this.#end();
  }

  #end(): void {
    this.#isOver = true;
    this.#over.resolve();
  }

  #read(message: runApi.StreamSubmitRunsRequest): void {
    if (this.#isClosed) return;
    try {
      wellFormed(message);
    } catch (thrown) {
      return this.#close(coerceError(thrown));
    }
    this.#moves++;
    const bytes = Buffer.byteLength(message.eventJson);
    this.#runs++;
    this.#bytes += bytes;
    this.#pace();
    void this.#answer(message, bytes);
  }

  /** Reads on only while there is room. */
  #pace(): void {
    const { runsMax, bytesMax } = this.#options.limits;
    const isFull = this.#runs >= runsMax || this.#bytes >= bytesMax;
    if (isFull === this.#isPaused || this.#reason !== undefined) return;
    this.#isPaused = isFull;
    if (isFull) this.#call.pause();
    else this.#call.resume();
  }

  async #answer(message: runApi.StreamSubmitRunsRequest, bytes: number): Promise<void> {
    const { tag } = message;
    let result: runApi.RunSubmitResult;
    try {
      result = { tag, run: await this.#submit(message, bytes), refusal: undefined };
    } catch (thrown) {
      result = { tag, run: "", refusal: this.#refusalOf(thrown) };
    }
    this.#bytes -= bytes;
    this.#pace();
    this.#results.push(result);
    if (this.#results.length === 1) setImmediate(() => this.#write());
  }

  async #submit(message: runApi.StreamSubmitRunsRequest, bytes: number): Promise<string> {
    const { starter, budget } = this.#options;
    const checking = this.#check();
    if (checking !== undefined) await checking;
    const { principal, method, signal } = this.#context;
    const header = (name: string) => (name === TRACEPARENT_HEADER ? message.traceparent : undefined);
    budget.take(bytes);
    try {
      const idOrName = parseWorkflowName(message.parent);
      const { workflowId, runId } = await starter.create(idOrName, message, 0, { principal, method, signal, header });
      return `workflows/${workflowId}/runs/${runId}`;
    } finally {
      budget.give(bytes);
    }
  }

  /** Whether the caller may still call: keys by what this gateway knows, at once; sessions by their rows, not for each message. */
  #check(): Promise<void> | undefined {
    const { cache, authenticate } = this.#options;
    const nowMs = performance.now();
    const isOld = this.#context.principal.session !== undefined && nowMs - this.#checkedAtMs > SESSION_WORD_MS;
    if (cache.generation === this.#checkedGeneration && !isOld) return this.#checking;
    this.#checkedGeneration = cache.generation;
    this.#checkedAtMs = nowMs;
    const found = authenticate(this.#context);
    this.#checking = found instanceof Promise ? this.#settle(found) : undefined;
    return this.#checking;
  }

  async #settle(found: Promise<ApiCaller>): Promise<void> {
    try {
      await found;
      this.#checking = undefined;
    } catch (thrown) {
      const error = coerceError(thrown);
      if (error.kind === "Unauthenticated") this.#close(error);
      // The next message asks again.
      else this.#checkedGeneration = -1;
      throw error;
    }
  }

  #refusalOf(thrown: unknown): runApi.RunRefusal {
    const { requestId, method } = this.#context;
    const error = coerceError(thrown);
    if (error.kind === "Internal") this.#options.log.error("rpc.failed", { requestId, method, error });
    const { retryDelayMs, ...failure } = toFailure(error, requestId);
    return { ...failure, retryDelay: retryDelayMs === undefined ? undefined : durationOf(retryDelayMs) };
  }

  #write(): void {
    const waiting = this.#results;
    this.#results = [];
    if (this.#isOver) return;
    for (let from = 0; from < waiting.length; from += RESULTS_MAX) {
      const results = waiting.slice(from, from + RESULTS_MAX);
      this.#call.write({ results }, () => this.#taken(results.length));
    }
  }

  /** The transport has taken results. */
  #taken(count: number): void {
    this.#moves++;
    this.#runs -= count;
    this.#pace();
    this.#finish();
  }
}
