import { PlatformError } from "@millrace/core";
import type { session } from "@millrace/protocol";

interface Waiting {
  readonly worker: string;
  readonly resolve: (checked: session.VersionChecked) => void;
  readonly reject: (error: PlatformError) => void;
  readonly timer: NodeJS.Timeout;
}

/** Questions to workers whether sources compile, until they are answered, time out or their worker dies. */
export class SourceChecks {
  readonly #timeoutMs: number;
  readonly #waitingMax: number;
  readonly #waiting = new Map<string, Waiting>();
  #number = 0;

  constructor(timeoutMs: number, waitingMax: number) {
    this.#timeoutMs = timeoutMs;
    this.#waitingMax = waitingMax;
  }

  /** Opens a question to a worker; `ask` sends it under the given id. */
  open(worker: string, ask: (requestId: string) => void): Promise<session.VersionChecked> {
    if (this.#waiting.size >= this.#waitingMax) {
      throw new PlatformError(
        "ResourceExhausted",
        "TOO_MANY_CHECKS",
        "this runner checks too many sources at the same time",
      );
    }
    const requestId = String(++this.#number);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#fail(
          requestId,
          new PlatformError("DeadlineExceeded", "CHECK_TIMEOUT", "checking the sources took too long"),
        );
      }, this.#timeoutMs);
      this.#waiting.set(requestId, { worker, resolve, reject, timer });
      ask(requestId);
    });
  }

  /** A worker has answered. */
  answered(answer: session.VersionChecked): void {
    const waiting = this.#take(answer.requestId);
    if (answer.error === "") waiting?.resolve(answer);
    else waiting?.reject(new PlatformError("Unavailable", "CHECK_FAILED", answer.error));
  }

  /** A worker has died: what it was asked will not be answered. */
  workerDied(worker: string): void {
    for (const [requestId, waiting] of this.#waiting) {
      if (waiting.worker !== worker) continue;
      this.#fail(
        requestId,
        new PlatformError("Unavailable", "WORKER_DIED", "the worker died while it checked the sources"),
      );
    }
  }

  #fail(requestId: string, error: PlatformError): void {
    this.#take(requestId)?.reject(error);
  }

  #take(requestId: string): Waiting | undefined {
    const waiting = this.#waiting.get(requestId);
    this.#waiting.delete(requestId);
    if (waiting !== undefined) clearTimeout(waiting.timer);
    return waiting;
  }
}
