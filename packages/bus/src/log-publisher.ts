import { control } from "@millrace/protocol";
import type { Bus } from "./bus.ts";
import { translateNatsError } from "./bus-errors.ts";
import type { LogLosses, LogStreamLimits } from "./log-types.ts";
import { streamsOf } from "./streams.ts";
import { subjects } from "./subjects.ts";

const RETRY_DELAY_MS = 200;

/**
 * Hands log batches to the stream. Nobody waits for an acknowledgement, but each batch is held until it has one, at most
 * `inFlightMax` of them: beyond that, or after `publishTriesMax` refusals, a batch is lost and counted. While there is no
 * connection batches wait for the next one.
 */
export class LogPublisher {
  readonly losses: LogLosses = { batches: 0, lines: 0 };
  #bus: Bus;
  #limits: LogStreamLimits;
  #ensure: () => Promise<void>;
  #inFlight = 0;
  #inFlightBytes = 0;
  #idle = new Set<() => void>();

  constructor(bus: Bus, limits: LogStreamLimits, ensure: () => Promise<void>) {
    this.#bus = bus;
    this.#limits = limits;
    this.#ensure = ensure;
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
    void this.#deliver(subjects.logs(handing.partition, handing.runId), data, batch.lines.length).finally(() => {
      this.#inFlight--;
      this.#inFlightBytes -= data.length;
      if (this.#inFlight === 0) for (const wake of this.#idle) wake();
    });
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
    for (let tries = 1; ; tries++) {
      if (!(await this.#bus.untilConnected())) return this.#lose(lines, "the bus was closed");
      try {
        const { client } = await streamsOf(this.#bus, "publishing log lines");
        await client.publish(subject, data, { timeout: this.#limits.publishTimeoutMs, retries: 0 });
        return;
      } catch (thrown) {
        if (tries >= this.#limits.publishTriesMax)
          return this.#lose(lines, translateNatsError(thrown, "publishing log lines").message);
        await this.#repair(tries);
      }
    }
  }

  /** The stream may be gone; making it is harmless when it is not. */
  async #repair(tries: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS * tries));
    if (this.#bus.connected) await this.#ensure().catch(() => {});
  }

  #lose(lines: number, cause: string): void {
    this.losses.batches++;
    this.losses.lines += lines;
    if (this.losses.batches === 1 || this.losses.batches % 100 === 0) {
      this.#bus.log.warn("logs.lost", { batches: this.losses.batches, lines: this.losses.lines, cause });
    }
  }
}
