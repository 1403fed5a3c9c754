import * as control from "@millrace/protocol/control";
import type { Bus } from "./bus.ts";
import { translateNatsError } from "./bus-errors.ts";
import type { LogLosses, LogStreamLimits } from "./log-types.ts";
import { streamsOf } from "./streams.ts";
import { subjects } from "./subjects.ts";

const RETRY_DELAY_MS = { first: 200, max: 2_000 } as const;

/**
 * Hands log batches to the stream. Nobody waits for an acknowledgement, but each batch is held until it has one, at most
 * `inFlightMax` of them: beyond that, or when it was refused for `publishForMs`, a batch is lost and counted. While there is
 * no connection batches wait for the next one. A stream that is gone is made again by those who consume it.
 */
export class LogPublisher {
  readonly losses: LogLosses = { batches: 0, lines: 0 };
  #bus: Bus;
  #limits: LogStreamLimits;
  #runner: string;
  #inFlight = 0;
  #inFlightBytes = 0;
  #idle = new Set<() => void>();

  /** @param runner name of the runner whose lines these are */
  constructor(bus: Bus, limits: LogStreamLimits, runner: string) {
    this.#bus = bus;
    this.#limits = limits;
    this.#runner = runner;
  }

  publish(batch: control.LogBatch): boolean {
    const handing = batch.handing;
    if (handing === undefined || batch.lines.length === 0) return true;
    const data = control.LogBatch.encode(batch).finish();
    const full =
      this.#inFlight >= this.#limits.inFlightMax || this.#inFlightBytes + data.length > this.#limits.inFlightBytesMax;
    if (full || data.length > this.#bus.messageBytesMax) {
      this.#lose(
        batch.lines.length,
        full ? "too many batches wait for NATS" : "the batch is larger than a message may be",
      );
      return false;
    }
    this.#inFlight++;
    this.#inFlightBytes += data.length;
    void this.#deliver(subjects.logs(handing.partition, handing.runId, this.#runner), data, batch.lines.length).finally(
      () => {
        this.#inFlight--;
        this.#inFlightBytes -= data.length;
        if (this.#inFlight === 0) for (const wake of this.#idle) wake();
      },
    );
    return true;
  }

  flush(timeoutMs: number): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#idle.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#idle.add(done);
    });
  }

  async #deliver(subject: string, data: Uint8Array, lines: number): Promise<void> {
    const untilMs = performance.now() + this.#limits.publishForMs;
    for (let pauseMs: number = RETRY_DELAY_MS.first; ; pauseMs = Math.min(2 * pauseMs, RETRY_DELAY_MS.max)) {
      if (!(await this.#bus.untilConnected())) return this.#lose(lines, "the bus was closed");
      try {
        const { client } = await streamsOf(this.#bus, "publishing log lines");
        await client.publish(subject, data, { timeout: this.#limits.publishTimeoutMs, retries: 0 });
        return;
      } catch (thrown) {
        if (performance.now() > untilMs)
          return this.#lose(lines, translateNatsError(thrown, "publishing log lines").message);
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }

  #lose(lines: number, cause: string): void {
    this.losses.batches++;
    this.losses.lines += lines;
    if (this.losses.batches === 1 || this.losses.batches % 100 === 0) {
      this.#bus.log.warn("logs.lost", { batches: this.losses.batches, lines: this.losses.lines, cause });
    }
  }
}
