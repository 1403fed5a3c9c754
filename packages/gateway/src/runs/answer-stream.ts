import type { ServerResponse } from "node:http";
import { PlatformError, type StreamedAnswer } from "@millrace/core";

/** Bounds of streamed answers. */
export interface AnswerStreamLimits {
  /** How long one write waits for a slow client before its sender is asked to wait on. */
  readonly patienceMs: number;
  /** A client that takes nothing for so long is given up. */
  readonly stallMs: number;
}

/** What becomes of a piece. */
export interface PieceOutcome {
  /** The client has not taken it yet: send the same piece again, which waits for it. */
  readonly full: boolean;
  /** The client has left. */
  readonly gone: boolean;
}

interface Header {
  readonly name: string;
  readonly value: string;
}

/** Room for the pieces of all streamed answers together. */
export interface PieceBudget {
  take(bytes: number): void;
  give(bytes: number): void;
}

/**
 * One answer whose body goes out while its step makes it. The step sends a piece and waits until the client has taken it, so
 * that at most one is held here. Ends well, or by breaking off the chunked encoding, which a client can tell apart.
 *
 * opened → (attach) attached → ended, or gone
 */
export class AnswerStream implements StreamedAnswer {
  readonly status: number;
  readonly headers: readonly Header[];
  /** Called once, when nothing more will be sent. */
  onOver: () => void = () => {};
  readonly #limits: AnswerStreamLimits;
  readonly #budget: PieceBudget;
  readonly #attached = Promise.withResolvers<boolean>();
  #response: ServerResponse | undefined;
  #next = 0;
  /** Bytes of pieces that are counted in the budget. */
  #held = 0;
  #over = false;
  #gone = false;
  #stall: NodeJS.Timeout | undefined;
  #wake = new Set<() => void>();

  constructor(head: { status: number; headers: readonly Header[] }, limits: AnswerStreamLimits, budget: PieceBudget) {
    this.status = head.status;
    this.headers = head.headers;
    this.#limits = limits;
    this.#budget = budget;
  }

  /** Resolves once the client has the headers, or never will: to whether it wants a body. */
  get wanted(): Promise<boolean> {
    return this.#attached.promise;
  }

  /** True when the client has left. */
  get gone(): boolean {
    return this.#gone;
  }

  /** The door has written the headers; pieces go to this response, unless it has no body. */
  attach(response: ServerResponse, wantsBody: boolean): void {
    if (this.#over) return breakOff(response);
    this.#response = response;
    if (!wantsBody) this.#finish(() => response.end());
    else {
      response.on("drain", () => this.#onDrain());
      response.once("close", () => this.#onClose());
      if (response.destroyed) this.#onClose();
    }
    this.#attached.resolve(!this.#over);
  }

  /**
   * Takes a piece, known by its number, and waits for a moment until the client has taken it.
   *
   * @throws PlatformError `STREAM_OUT_OF_ORDER`
   */
  async write(index: number, piece: Uint8Array): Promise<PieceOutcome> {
    if (index > this.#next || (this.#response === undefined && !this.#over)) {
      const before = this.#response === undefined ? "the client had the headers" : `piece ${this.#next}`;
      const message = `piece ${index} of a body came before ${before}`;
      throw new PlatformError("InvalidArgument", "STREAM_OUT_OF_ORDER", message);
    }
    if (index === this.#next && !this.#over && this.#admit(piece.length)) {
      this.#next++;
      const flowing = this.#response!.write(piece, () => this.#release(piece.length));
      if (!flowing) this.#stall ??= setTimeout(() => this.cut(), this.#limits.stallMs);
    }
    if (this.#isFull(index)) await this.#changed();
    return { full: this.#isFull(index), gone: this.#gone };
  }

  /** The body is complete. */
  end(): PieceOutcome {
    if (!this.#over) this.#finish(() => this.#sendRest());
    return { full: false, gone: this.#gone };
  }

  /** What the client has not taken yet stays counted, so it may not take its time for ever. */
  #sendRest(): void {
    const response = this.#response;
    response?.setTimeout(this.#limits.stallMs, () => response.destroy());
    response?.end();
  }

  /** Nobody will send the rest. */
  cut(): void {
    if (this.#over) return;
    this.#gone = true;
    this.#finish(() => this.#response && breakOff(this.#response));
  }

  /** Not taken by the client, or not even here for want of room. */
  #isFull(index: number): boolean {
    return !this.#over && (index === this.#next || this.#response!.writableNeedDrain);
  }

  #admit(bytes: number): boolean {
    try {
      this.#budget.take(bytes);
      this.#held += bytes;
      return true;
    } catch {
      return false;
    }
  }

  #release(bytes: number): void {
    const given = Math.min(bytes, this.#held);
    this.#held -= given;
    this.#budget.give(given);
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, this.#limits.patienceMs);
      const wake = this.#wake;
      function done(): void {
        clearTimeout(timer);
        wake.delete(done);
        resolve();
      }
      wake.add(done);
    });
  }

  #onDrain(): void {
    clearTimeout(this.#stall);
    this.#stall = undefined;
    for (const done of this.#wake) done();
  }

  /** What a client has pipelined behind another answer is dropped with the connection, and nobody told of its pieces. */
  #onClose(): void {
    this.#release(this.#held);
    if (this.#over) return;
    this.#gone = true;
    this.#finish(() => {});
  }

  #finish(last: () => void): void {
    this.#over = true;
    clearTimeout(this.#stall);
    this.#attached.resolve(false);
    last();
    this.#response = undefined;
    for (const done of this.#wake) done();
    this.onOver();
  }
}

/**
 * Ends a connection in the middle of a body. HTTP/1.0, which proxies speak too, knows no chunks: there the end of the connection is
 * the end of the body, unless it is a reset. What is encrypted has an end of its own, which is then missing.
 */
function breakOff(response: ServerResponse): void {
  const { socket, req } = response;
  if (socket && req.httpVersion === "1.0" && !("encrypted" in socket)) socket.resetAndDestroy();
  else response.destroy();
}
