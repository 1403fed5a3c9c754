import { wire, type Bus, type BusSubscription, type Channels } from "@millrace/bus";
import {
  coerceError,
  isSealedFor,
  PlatformError,
  TIMING_DEFAULT,
  Waiting,
  WAITING_DEFAULT,
  type messages,
  type RunListener,
  type RunTokenMac,
  type RunState,
  type StepResponse,
  type StreamedAnswer,
} from "@millrace/core";
import type { Runs } from "@millrace/store";
import { TRACEPARENT_HEADER, type Logger } from "@millrace/telemetry";
import type { Payloads } from "../payloads/payloads.ts";
import type { RunFence } from "../services/run-fence.ts";
import { AnswerStream } from "./answer-stream.ts";

/** How often what waits is looked at, as long as something waits. */
const TICK_MS = 100;
/** Nobody has given a run to another runner for its silence by then. */
const YOUNG_MS = TIMING_DEFAULT.lifeMs;
/** Ends of a submit after which the run is nowhere. */
const NOT_ACCEPTED: ReadonlySet<string> = new Set([
  "QUEUE_FULL",
  "PROJECT_QUEUE_FULL",
  "OWNER_UNAVAILABLE",
  "GATEWAY_BUSY",
  "GATEWAY_CUT_OFF",
]);

/** What became of a run that somebody waited for. Neither answer nor state: the wait was over first. */
export interface RunOutcome {
  /** The run that the submit stands for: another one when the idempotency key was known. */
  readonly runId: string;
  readonly answer: StepResponse | undefined;
  readonly state: RunState | undefined;
  /** How long the run was worked at until then; 0 when that is not known. */
  readonly busyMs: number;
  /** An answer whose body goes out while its step makes it; whoever gets it writes it to its client. */
  readonly stream?: AnswerStream | undefined;
}

/** How long a caller waits after its run is in the record. */
export interface Patience {
  readonly waitMs: number;
  /** Aborted when the caller has gone. */
  readonly signal?: AbortSignal;
}

export interface RunDeskOptions {
  readonly gateway: string;
  readonly bus: Pick<Bus, "onStatus">;
  readonly channels: Channels;
  /** Without a connection to NATS for so long, nothing is tried any more until there is one. */
  readonly cutOffAfterMs: number;
  /** Of run tokens and seals. */
  readonly mac: RunTokenMac;
  readonly runs: Runs;
  /** Tells whether an assignment is its run's current one. */
  readonly fence: Pick<RunFence, "assertCurrent">;
  readonly payloads: Payloads;
  readonly submitTimeoutMs: number;
  readonly submitResendMs: number;
  readonly waitingMax: number;
  readonly log: Logger;
}

/** Where runs are handed in and waited for: the gateway's brain with its messages, its clock and the record. */
export class RunDesk {
  readonly #options: RunDeskOptions;
  readonly #waiting: Waiting;
  #subscriptions: BusSubscription[] = [];
  #forgetStatus: (() => void) | undefined;
  #cutOffTimer: NodeJS.Timeout | undefined;
  #isCutOff = false;
  #ticker: NodeJS.Timeout | undefined;

  constructor(options: RunDeskOptions) {
    this.#options = options;
    const { channels } = options;
    const { submitResendMs: resendMs, waitingMax: entriesMax } = options;
    const settings = { ...WAITING_DEFAULT, resendMs, entriesMax };
    this.#waiting = new Waiting(
      {
        nowMs: () => performance.now(),
        submit: (message) =>
          void channels.submit(message.partition).send(wire.submitToWire(message), traceHeaders(message)),
        cancel: (message) => void channels.cancel(message.partition).send(message),
        resume: (message) => void channels.resume(message.partition).send(wire.resumeToWire(message)),
        read: (runIds) => void this.#read(runIds),
      },
      settings,
    );
  }

  /** Hears what owners and runners say to this gateway. */
  start(): void {
    const { channels, gateway, mac, log } = this.#options;
    const waiting = this.#waiting;
    this.#forgetStatus = this.#options.bus.onStatus(({ connected }) => this.#onConnection(connected));
    this.#subscriptions = [
      channels.ownersMoved().listen((message) => waiting.onOwnersMoved(message)),
      channels.accepted(gateway).listen((message) => waiting.onAccepted(wire.acceptedFromWire(message))),
      channels.release(gateway).listen((message) => waiting.onRelease(wire.releaseFromWire(message))),
      channels.ended(gateway).listen((message) => waiting.onEnded(wire.endedFromWire(message))),
      channels.answer(gateway).listen((message, { runner, subject }) => {
        const answer = wire.answerFromWire(message);
        if (isSealedFor(answer.handing, runner, mac)) this.#onAnswer(answer);
        else log.warn("answer.forged", { subject });
      }),
      channels.reassigned(gateway).listen((message) => waiting.onReassigned(wire.reassignedFromWire(message))),
      channels.cancelled(gateway).listen((message) => waiting.onCancelled(wire.cancelledFromWire(message))),
      channels.resumed(gateway).listen((message) => waiting.onResumed(wire.resumedFromWire(message))),
    ];
  }

  /**
   * An answer that waits for no checkpoint may have been on its way since before its run was given to another runner, and the
   * word of that may be lost: a late one is looked up. One that does not count comes with its step's checkpoint, if at all.
   */
  #onAnswer(answer: messages.Answer): void {
    const { runId } = answer.handing;
    const ageMs = this.#waiting.answerAge(runId);
    if (ageMs === undefined) return;
    if (ageMs < YOUNG_MS) return this.#waiting.onAnswer(answer);
    this.#options.fence.assertCurrent(answer.handing, true).then(
      () => this.#waiting.onAnswer(answer),
      (thrown: unknown) => this.#options.log.debug("answer.not_taken", { run: runId, error: coerceError(thrown) }),
    );
  }

  /** A client that is refused at once can go to another gateway; one that is kept waiting cannot. */
  #onConnection(connected: boolean): void {
    clearTimeout(this.#cutOffTimer);
    this.#isCutOff = false;
    if (connected) return;
    this.#cutOffTimer = setTimeout(() => {
      this.#isCutOff = true;
      this.#waiting.expire();
    }, this.#options.cutOffAfterMs);
  }

  /** Runs and cancels that somebody waits for now. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  stop(): void {
    clearInterval(this.#ticker);
    clearTimeout(this.#cutOffTimer);
    this.#forgetStatus?.();
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  /**
   * Hands a run in and resolves when it is in the record, or, when the submit wants an answer or the end, when that is
   * there, the patience is over or the caller has gone. The run goes on in any case.
   *
   * @throws PlatformError `QUEUE_FULL`, `PROJECT_QUEUE_FULL`, `OWNER_UNAVAILABLE`, `SUBMIT_UNACKNOWLEDGED`, `GATEWAY_BUSY`, `GATEWAY_CUT_OFF`,
   *   `EVENT_TOO_LARGE`
   */
  submit(submit: messages.Submit, patience?: Patience): Promise<RunOutcome> {
    if (this.#isCutOff) return Promise.reject(cutOffError());
    return this.#options.payloads.concerns(submit)
      ? this.#submitLarge(submit, patience)
      : this.#submit(submit, patience);
  }

  /** A large event is durable before the submit that names it goes out. */
  async #submitLarge(submit: messages.Submit, patience?: Patience): Promise<RunOutcome> {
    const { payloads } = this.#options;
    const small = await payloads.store(submit);
    try {
      const outcome = await this.#submit(small, patience);
      if (outcome.runId !== submit.runId) payloads.release(submit);
      return outcome;
    } catch (thrown) {
      if (NOT_ACCEPTED.has(coerceError(thrown).reason)) payloads.release(submit);
      throw thrown;
    }
  }

  #submit(submit: messages.Submit, patience?: Patience): Promise<RunOutcome> {
    return new Promise((resolve, reject) => {
      const wait = new SubmitWait(submit, patience, this.#waiting, resolve, reject);
      this.#waiting.submit(submit, this.#options.submitTimeoutMs, wait);
      this.#tickWhileWaiting();
    });
  }

  /** A step begins to send an answer piece by piece; false when nobody waits for one from this assignment. */
  openStream(from: { runId: string; assignment: number }, stream: AnswerStream): boolean {
    return this.#waiting.onStream(from, stream);
  }

  /** A streamed answer is over, or its client is gone. */
  closeStream(runId: string, stream: AnswerStream): void {
    this.#waiting.forgetStream(runId, stream);
  }

  /**
   * Cancels a run and resolves to the state in which it has ended; undefined when there is no such run.
   *
   * @throws PlatformError `CANCEL_UNACKNOWLEDGED`, `GATEWAY_BUSY`, `GATEWAY_CUT_OFF`
   */
  cancel(partition: number, runId: string, reason: string): Promise<RunState | undefined> {
    const { gateway, submitTimeoutMs } = this.#options;
    if (this.#isCutOff) return Promise.reject(cutOffError());
    return new Promise((resolve, reject) => {
      this.#waiting.cancel({ partition, runId, gateway, reason }, submitTimeoutMs, (state) => {
        if (state !== "TIMEOUT") resolve(state);
        else reject(unacknowledged("CANCEL_UNACKNOWLEDGED", "no scheduler has acknowledged the cancel in time"));
      });
      this.#tickWhileWaiting();
    });
  }

  /**
   * Ends a run's pause, or cancels the run in it, and resolves to what became of that. The same request again is told what
   * the first copy has done.
   *
   * @throws PlatformError `RESUME_UNACKNOWLEDGED`, `GATEWAY_BUSY`, `GATEWAY_CUT_OFF`
   */
  resume(request: Omit<messages.Resume, "gateway">): Promise<messages.Resumed> {
    const { gateway, submitTimeoutMs } = this.#options;
    if (this.#isCutOff) return Promise.reject(cutOffError());
    return new Promise((resolve, reject) => {
      this.#waiting.resume({ ...request, gateway }, submitTimeoutMs, (outcome) => {
        if (outcome !== "TIMEOUT") resolve(outcome);
        else reject(unacknowledged("RESUME_UNACKNOWLEDGED", "no scheduler has acknowledged the request in time"));
      });
      this.#tickWhileWaiting();
    });
  }

  #tickWhileWaiting(): void {
    this.#ticker ??= setInterval(() => {
      this.#waiting.onTick();
      if (this.#waiting.size > 0) return;
      clearInterval(this.#ticker);
      this.#ticker = undefined;
    }, TICK_MS);
  }

  /** Looks up what lost messages would have told. A failure is told by the next try. */
  async #read(runIds: readonly string[]): Promise<void> {
    const { runs, log } = this.#options;
    try {
      for (const { id, state, steps } of await runs.getStatus(runIds)) {
        const answering = steps.find(({ hasResponse }) => hasResponse);
        const response = answering && (await runs.getStepResponse(id, answering.path));
        this.#waiting.onRead(id, { state, response });
      }
    } catch (thrown) {
      log.warn("runs.read_failed", { runs: runIds.length, error: coerceError(thrown) });
    }
  }
}

/** One caller's wait: from the submit to what it wants, or to the end of its patience. */
class SubmitWait implements RunListener {
  readonly #submit: messages.Submit;
  readonly #patience: Patience | undefined;
  readonly #waiting: Waiting;
  readonly #resolve: (outcome: RunOutcome) => void;
  readonly #reject: (error: PlatformError) => void;
  #runId: string;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    submit: messages.Submit,
    patience: Patience | undefined,
    waiting: Waiting,
    resolve: (outcome: RunOutcome) => void,
    reject: (error: PlatformError) => void,
  ) {
    this.#submit = submit;
    this.#patience = patience;
    this.#waiting = waiting;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#runId = submit.runId;
  }

  accepted(runId: string): void {
    this.#runId = runId;
    const { wantsAnswer, wantsEnd } = this.#submit;
    if ((!wantsAnswer && !wantsEnd) || this.#patience === undefined) {
      this.#finish({});
      return;
    }
    const { waitMs, signal } = this.#patience;
    if (signal?.aborted) this.#giveUp();
    else {
      this.#timer = setTimeout(this.#giveUp, waitMs);
      signal?.addEventListener("abort", this.#giveUp, { once: true });
    }
  }

  readonly #giveUp = (): void => {
    this.#waiting.forget(this.#runId, this);
    this.#finish({});
  };

  turnedAway(why: messages.SubmitRefusal | "TIMEOUT"): void {
    this.#reject(turnedAwayError(why));
  }

  answer(response: StepResponse, busyMs: number): void {
    if (this.#submit.wantsAnswer) this.#finish({ answer: response, busyMs });
  }

  stream(answer: StreamedAnswer): void {
    if (answer instanceof AnswerStream) this.#finish({ stream: answer });
  }

  ended(state: RunState, busyMs: number): void {
    this.#finish({ state, busyMs });
  }

  #finish({ answer, state, stream, busyMs = 0 }: Partial<RunOutcome>): void {
    clearTimeout(this.#timer);
    this.#resolve({ runId: this.#runId, answer, state, stream, busyMs });
  }
}

function turnedAwayError(why: messages.SubmitRefusal | "TIMEOUT"): PlatformError {
  if (why === "QUEUE_FULL") {
    return new PlatformError("ResourceExhausted", "QUEUE_FULL", "the workflow's queue is full; try again later");
  }
  if (why === "PROJECT_QUEUE_FULL") {
    const message = "the project has as many waiting runs as it may have; try again later";
    return new PlatformError("ResourceExhausted", "PROJECT_QUEUE_FULL", message);
  }
  if (why === "UNAVAILABLE") {
    return unacknowledged("OWNER_UNAVAILABLE", "the house cannot write runs at the moment; try again");
  }
  return unacknowledged(
    "SUBMIT_UNACKNOWLEDGED",
    "no scheduler has acknowledged the run in time; it may still be accepted",
  );
}

function cutOffError(): PlatformError {
  return unacknowledged("GATEWAY_CUT_OFF", "this gateway does not reach the schedulers at the moment; try again");
}

function unacknowledged(reason: string, message: string): PlatformError {
  return new PlatformError("Unavailable", reason, message);
}

function traceHeaders({ input }: messages.Submit): Record<string, string> | undefined {
  return input.traceParent === "" ? undefined : { [TRACEPARENT_HEADER]: input.traceParent };
}
