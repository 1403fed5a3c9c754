import { coerceError, type ErrorKind, type PlatformError } from "@millrace/core";
import type { control, session } from "@millrace/protocol";

/** One question that gateways answer; a refusal is thrown. */
export interface Question {
  request(request: control.CallRequest, options: { timeoutMs: number }): Promise<control.CallResponse>;
}

/** Whom to ask, and how patiently. */
export interface CallRelayOptions {
  readonly question: Question;
  /** A copy that has no answer by then is sent again. */
  readonly tryMs: number;
  /** All copies together; then user code gets an error. */
  readonly timeoutMs: number;
  /** Calls of one run in a second; further ones wait. */
  readonly callsPerSecond: number;
}

/** One run as the relay sees it. */
export interface CallingRun {
  readonly runToken: string;
  /** False once nothing of the run is left here, or it belongs to somebody else. */
  readonly held: () => boolean;
  /** The gateway whose client waits for the run's answer, which the run may send piece by piece; undefined without one. */
  readonly answering: Question | undefined;
  /** Hears, before the run does, what of an answer must be kept out of logs and errors. */
  readonly onSecrets: (secrets: readonly string[]) => void;
}

/** Methods for the gateway whose client waits. */
const ANSWERING = "respond.";
/** Methods that no record tells of: a copy that another gateway gets does it all again, so it is not sent before it must be. */
const UNRECORDED = "email.";
const RETRY_FIRST_MS = 20;
const RETRY_MAX_MS = 500;

/** What the first copies could not find out, another may. */
const PASSING: ReadonlySet<string> = new Set(["BUS_TIMEOUT", "BUS_NO_RESPONDERS", "BUS_DISCONNECTED"]);

/** Python's exceptions for kinds of errors; others are raised as the platform's own. */
const PYTHON_TYPES: Partial<Record<ErrorKind, string>> = {
  InvalidArgument: "ValueError",
  NotFound: "KeyError",
  PermissionDenied: "PermissionError",
  DeadlineExceeded: "TimeoutError",
};

/**
 * Carries what user code asks for to a gateway, with the run's token. Copies are sent until one is answered: path, execution
 * and number make a second copy harmless. The worker lets at most 32 calls of a run pass at the same time.
 */
export class CallRelay {
  readonly #options: CallRelayOptions;
  readonly #paces = new WeakMap<CallingRun, Pace>();

  constructor(options: CallRelayOptions) {
    this.#options = options;
  }

  /** Asks; whatever comes of it is the call's result. */
  async ask(run: CallingRun, call: session.HostCall): Promise<session.HostCallResult> {
    const { assignment, number, path } = call;
    try {
      await this.#pace(run).turn();
      const { responseJson, body, secrets } = await this.#retry(run, toRequest(run, call));
      if (secrets.length > 0) run.onSecrets(secrets);
      return { assignment, number, path, responseJson: buffer(responseJson), body: buffer(body), error: undefined };
    } catch (thrown) {
      const nothing = Buffer.alloc(0);
      return {
        assignment,
        number,
        path,
        responseJson: nothing,
        body: nothing,
        error: toCallError(coerceError(thrown)),
      };
    }
  }

  #pace(run: CallingRun): Pace {
    const known = this.#paces.get(run);
    if (known !== undefined) return known;
    const made = new Pace(this.#options.callsPerSecond);
    this.#paces.set(run, made);
    return made;
  }

  async #retry(run: CallingRun, request: control.CallRequest): Promise<control.CallResponse> {
    const { tryMs, timeoutMs } = this.#options;
    const question = (request.method.startsWith(ANSWERING) && run.answering) || this.#options.question;
    const patienceMs = request.method.startsWith(UNRECORDED) ? Math.max(tryMs, timeoutMs / 2) : tryMs;
    const end = performance.now() + timeoutMs;
    for (let pauseMs = RETRY_FIRST_MS; ; pauseMs = Math.min(pauseMs * 2, RETRY_MAX_MS)) {
      try {
        return await question.request(request, {
          timeoutMs: Math.min(patienceMs, Math.max(1, end - performance.now())),
        });
      } catch (thrown) {
        const error = coerceError(thrown);
        const passing = error.kind === "Unavailable" || PASSING.has(error.reason);
        if (!passing || !run.held() || performance.now() + pauseMs >= end) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

/** Lets a second's worth of calls pass at once, then no more than the rate. */
class Pace {
  readonly #intervalMs: number;
  /** When the calls let pass so far would be over, had they come at the rate. */
  #untilMs = 0;

  constructor(perSecond: number) {
    this.#intervalMs = 1000 / perSecond;
  }

  turn(): Promise<void> | undefined {
    const nowMs = performance.now();
    this.#untilMs = Math.max(this.#untilMs, nowMs - 1000) + this.#intervalMs;
    const waitMs = this.#untilMs - nowMs;
    return waitMs > 0 ? new Promise((resolve) => setTimeout(resolve, waitMs)) : undefined;
  }
}

function toRequest({ runToken }: CallingRun, call: session.HostCall): control.CallRequest {
  const { path, number, execution, method, requestJson, body } = call;
  return { runToken, path, number, execution, method, requestJson, body };
}

function toCallError({ kind, reason, message }: PlatformError): session.HostCallError {
  return { type: PYTHON_TYPES[kind] ?? "PlatformError", reason, message };
}

function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
