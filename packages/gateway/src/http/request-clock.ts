import type { IncomingMessage } from "node:http";

const CHECK_MS = 1_000;

interface Watched {
  sinceMs: number;
  /** What its connection had received then; undefined while the whole request is timed. */
  receivedBytes: number | undefined;
}

/**
 * Ends requests whose bodies do not arrive in time. The server's own bound is the same for all, so it is as wide as the longest
 * upload may take; here all others have to be whole sooner, and an upload has to go on.
 */
export class RequestClock {
  readonly #limitMs: number;
  readonly #late: (request: IncomingMessage) => void;
  readonly #open = new Map<IncomingMessage, Watched>();
  #timer: NodeJS.Timeout | undefined;

  /** @param late told again and again of each request that has not come in time, until its connection is closed */
  constructor(limitMs: number, late: (request: IncomingMessage) => void) {
    this.#limitMs = limitMs;
    this.#late = late;
  }

  /** A request begins; one without a body is whole. */
  begin(request: IncomingMessage, nowMs: number): void {
    const { "content-length": length = "0", "transfer-encoding": coding } = request.headers;
    if (length === "0" && coding === undefined) return;
    this.#open.set(request, { sinceMs: nowMs, receivedBytes: undefined });
    this.#timer ??= setInterval(() => this.#check(), Math.min(CHECK_MS, this.#limitMs)).unref();
  }

  /** From now on a request may take as long as something of it arrives again and again. */
  prolong(request: IncomingMessage): void {
    const watched = this.#open.get(request);
    if (watched === undefined) return;
    watched.sinceMs = performance.now();
    watched.receivedBytes = request.socket.bytesRead;
  }

  /** A request is answered; what it was answered ahead of still has to arrive in time. */
  answered(request: IncomingMessage): void {
    if (request.complete) this.#open.delete(request);
  }

  /** Watches nothing any more. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #check(): void {
    const nowMs = performance.now();
    for (const [request, watched] of this.#open) {
      const { bytesRead, destroyed } = request.socket;
      if (request.complete || destroyed) this.#open.delete(request);
      else if (watched.receivedBytes !== undefined && watched.receivedBytes < bytesRead) {
        watched.sinceMs = nowMs;
        watched.receivedBytes = bytesRead;
      } else if (nowMs - watched.sinceMs > this.#limitMs) this.#late(request);
    }
    if (this.#open.size === 0) this.stop();
  }
}
