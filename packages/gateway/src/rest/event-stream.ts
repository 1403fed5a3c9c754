import type { ServerResponse } from "node:http";
import type { PlatformError } from "@millrace/core";
import { coerceError } from "@millrace/core";
import { DATA_HEADERS } from "./rest-answer.ts";

/** How long the first event may take before the client hears that the stream is open. */
const OPEN_AFTER_MS = 250;

export interface EventStreamOptions {
  /** Between two comments that show that the stream is alive. */
  readonly heartbeatMs: number;
  /** A client that takes nothing for so long is cut. */
  readonly stallMs: number;
}

/** One server-sent event: its data, and the cursor behind which a client goes on after a loss. */
export interface StreamEvent {
  readonly json: string;
  readonly cursor: string;
}

/**
 * Writes server-sent events as fast as the client takes them: the next one is asked for when the last is on its way, so
 * that nothing piles up here. What fails before anything was sent is thrown; later it is the event `error`. Behind the
 * last event comes the event `end`, since a browser would otherwise connect again.
 */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #options: EventStreamOptions;
  readonly #headers: readonly string[];
  readonly #failureOf: (error: PlatformError) => string;
  #opened = false;

  constructor(
    response: ServerResponse,
    headers: readonly string[],
    options: EventStreamOptions,
    failureOf: (error: PlatformError) => string,
  ) {
    this.#response = response;
    this.#headers = headers;
    this.#options = options;
    this.#failureOf = failureOf;
  }

  /** Writes all events; `signal` is aborted when the client has gone. */
  async write(events: AsyncIterable<StreamEvent>, signal: AbortSignal): Promise<void> {
    const opening = setTimeout(() => this.#open(), OPEN_AFTER_MS);
    const beat = setInterval(() => this.#opened && this.#beat(), this.#options.heartbeatMs);
    try {
      for await (const { json, cursor } of events) {
        if (signal.aborted) return;
        this.#open();
        await this.#send(`${cursor === "" ? "" : `id: ${cursor}\n`}data: ${json}\n\n`, signal);
      }
      this.#open();
      this.#response.end("event: end\ndata: {}\n\n");
    } catch (thrown) {
      if (!this.#opened) throw thrown;
      this.#response.end(`event: error\ndata: ${this.#failureOf(coerceError(thrown))}\n\n`);
    } finally {
      clearTimeout(opening);
      clearInterval(beat);
    }
  }

  #open(): void {
    if (this.#opened || this.#response.destroyed) return;
    this.#opened = true;
    const headers = ["content-type", "text/event-stream", "x-accel-buffering", "no", ...this.#headers];
    this.#response.writeHead(200, [...DATA_HEADERS, ...headers]);
    this.#response.flushHeaders();
  }

  /** Only while nothing waits: a client that does not read is not sent comments. */
  #beat(): void {
    if (this.#response.writableLength === 0) this.#response.write(": \n\n");
  }

  async #send(text: string, signal: AbortSignal): Promise<void> {
    if (this.#response.write(text) || signal.aborted) return;
    await drained(this.#response, signal, this.#options.stallMs);
  }
}

/** Resolves when the client takes more or has gone; a client that takes nothing for too long is cut. */
export function drained(response: ServerResponse, signal: AbortSignal, stallMs: number): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      response.off("drain", finish);
      response.off("close", finish);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(() => response.destroy(), stallMs);
    response.once("drain", finish);
    response.once("close", finish);
    signal.addEventListener("abort", finish, { once: true });
  });
}
