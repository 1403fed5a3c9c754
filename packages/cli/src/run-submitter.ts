import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { PlatformError } from "@millrace/core";
import type { runApi } from "@millrace/protocol";
import { fromFailure, fromServiceError, RETRY_DELAY_KEY, type GrpcClient } from "@millrace/rpc";

type Runs = Pick<GrpcClient<typeof runApi.RunServiceService>, "streamSubmitRuns">;
type Stream = ReturnType<Runs["streamSubmitRuns"]>;

const UNDER_WAY_MAX = 128;
const DEADLINE_MS = 60_000;
const PAUSE_MS = { first: 50, max: 2_000 } as const;
const DEADLINE_LOOK_MS = 100;
const TAGS = 2 ** 32;
/** What another stream would be told, too. */
const FINAL: ReadonlySet<string> = new Set(["InvalidArgument", "NotFound", "PermissionDenied", "Unauthenticated"]);

/** A run to start. */
export interface Submission {
  /** `workflows/<id>` or `workflows/<display name>`. */
  readonly parent: string;
  /** JSON; `{}` when left out. */
  readonly eventJson?: string;
  /** Idempotency key; one of the submitter's own when left out. Without one (empty) a run is sent once at most. */
  readonly requestId?: string;
  readonly priority?: number;
  readonly traceparent?: string;
}

export interface RunSubmitterOptions {
  /** Runs that are sent and not answered; further ones wait for their turn. Default 128. */
  readonly underWayMax?: number;
  /** For one run, with all of its tries. Default 60,000. */
  readonly deadlineMs?: number;
}

/** A run that has no answer yet. */
interface Pending {
  readonly message: runApi.StreamSubmitRunsRequest;
  readonly dueMs: number;
  readonly resolve: (run: string) => void;
  readonly reject: (error: PlatformError) => void;
}

/**
 * Hands in runs over one stream. What has no answer when the stream is lost goes out again on the next one, with the idempotency key
 * that it had: no run is lost that was answered, and none is started twice.
 */
export class RunSubmitter {
  readonly #runs: Runs;
  readonly #underWayMax: number;
  readonly #deadlineMs: number;
  readonly #pending = new Map<number, Pending>();
  readonly #turns: (() => void)[] = [];
  #underWay = 0;
  #stream: Stream | undefined;
  #tag = 0;
  #pauseMs: number = PAUSE_MS.first;
  #reopening = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(runs: Runs, options: RunSubmitterOptions = {}) {
    this.#runs = runs;
    this.#underWayMax = options.underWayMax ?? UNDER_WAY_MAX;
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS;
  }

  /**
   * Hands a run in and resolves to its name, `workflows/<id>/runs/<id>`, when it is durable.
   *
   * @throws PlatformError what CreateRun throws; `SUBMIT_UNACKNOWLEDGED` when there was no answer in time, or none before the
   *   stream was lost to a run without an idempotency key: it may have been accepted
   */
  async submit(submission: Submission): Promise<string> {
    if (this.#underWay >= this.#underWayMax) await new Promise<void>((resolve) => this.#turns.push(resolve));
    else this.#underWay++;
    try {
      return await new Promise((resolve, reject) => this.#add(submission, resolve, reject));
    } finally {
      // The place goes to whoever waits for it.
      const next = this.#turns.shift();
      if (next === undefined) this.#underWay--;
      else next();
    }
  }

  /** Ends the stream; call it when what was handed in is answered. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#stream?.end();
    const closed = new PlatformError("Cancelled", "SUBMITTER_CLOSED", "the submitter was closed before an answer came");
    for (const tag of [...this.#pending.keys()]) this.#take(tag)?.reject(closed);
  }

  #add(submission: Submission, resolve: (run: string) => void, reject: (error: PlatformError) => void): void {
    if (this.#isClosed) {
      return reject(new PlatformError("FailedPrecondition", "SUBMITTER_CLOSED", "the submitter is closed"));
    }
    const { parent, eventJson = "", requestId = randomUUID(), priority, traceparent = "" } = submission;
    do this.#tag = (this.#tag + 1) % TAGS;
    while (this.#pending.has(this.#tag));
    const message = { tag: this.#tag, parent, eventJson, requestId, priority, traceparent };
    this.#pending.set(message.tag, { message, dueMs: performance.now() + this.#deadlineMs, resolve, reject });
    this.#timer ??= this.#watchDeadlines();
    if (this.#stream === undefined && !this.#reopening) this.#open();
    else this.#stream?.write(message);
  }

  #take(tag: number): Pending | undefined {
    const pending = this.#pending.get(tag);
    this.#pending.delete(tag);
    return pending;
  }

  /** Opens a stream and sends what has no answer. */
  #open(): void {
    const stream = this.#runs.streamSubmitRuns();
    this.#stream = stream;
    stream.on("data", ({ results }: runApi.StreamSubmitRunsResponse) => {
      this.#pauseMs = PAUSE_MS.first;
      for (const result of results) this.#onResult(result);
    });
    stream.on("error", (thrown) => this.#onLost(stream, fromServiceError(thrown)));
    stream.on("status", ({ code }: { code: number }) => {
      if (code === 0) this.#onLost(stream, undefined);
    });
    for (const { message } of this.#pending.values()) stream.write(message);
  }

  #onResult({ tag, run, refusal }: runApi.RunSubmitResult): void {
    if (refusal === undefined) return this.#take(tag)?.resolve(run);
    const { retryDelay, ...failure } = refusal;
    const retryDelayMs = retryDelay && retryDelay.seconds * 1_000 + retryDelay.nanos / 1e6;
    const error = fromFailure({ ...failure, retryDelayMs });
    const pending = this.#pending.get(tag);
    if (error.kind === "Unavailable" && pending !== undefined && pending.message.requestId !== "") {
      void this.#sendAgain(pending, Number(error.metadata[RETRY_DELAY_KEY] ?? PAUSE_MS.first));
    } else this.#take(tag)?.reject(error);
  }

  async #sendAgain({ message }: Pending, delayMs: number): Promise<void> {
    await sleep(delayMs);
    if (this.#pending.has(message.tag)) this.#stream?.write(message);
  }
  /** The stream is over: what has no answer goes out again on another one. */
  #onLost(stream: Stream, error: PlatformError | undefined): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    if (error !== undefined && FINAL.has(error.kind)) {
      for (const tag of [...this.#pending.keys()]) this.#take(tag)?.reject(error);
    }
    // By the library, not by the house: a message is larger than the other side takes, and it can only be the largest.
    if (error?.reason === "RESOURCE_EXHAUSTED") this.#take(this.#largest())?.reject(error);
    for (const { message } of [...this.#pending.values()])
      if (message.requestId === "") this.#take(message.tag)?.reject(unacknowledged());
    if (this.#pending.size > 0) void this.#reopen();
  }

  #largest(): number {
    const messages = [...this.#pending.values()].map(({ message }) => message);
    return messages.reduce((a, b) => (b.eventJson.length > a.eventJson.length ? b : a), messages[0]!)?.tag ?? -1;
  }

  async #reopen(): Promise<void> {
    this.#reopening = true;
    await sleep(this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, PAUSE_MS.max);
    this.#reopening = false;
    if (this.#pending.size > 0) this.#open();
  }

  #watchDeadlines(): NodeJS.Timeout {
    return setInterval(() => {
      const nowMs = performance.now();
      // All have as much time: the one that has been here for longest is due first.
      for (const [tag, { dueMs }] of this.#pending) {
        if (dueMs > nowMs) return;
        this.#take(tag)?.reject(unacknowledged());
      }
      clearInterval(this.#timer);
      this.#timer = undefined;
    }, DEADLINE_LOOK_MS);
  }
}

function unacknowledged(): PlatformError {
  const message = "no answer came for the run; it may have been accepted";
  return new PlatformError("Unavailable", "SUBMIT_UNACKNOWLEDGED", message);
}
