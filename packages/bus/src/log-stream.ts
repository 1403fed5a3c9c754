import type { control } from "@millrace/protocol";
import { DiscardPolicy, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import type { Bus } from "./bus.ts";
import { translateNatsError } from "./bus-errors.ts";
import { LogPublisher } from "./log-publisher.ts";
import { tailLogs } from "./log-tail.ts";
import {
  LOG_STREAM,
  type LogFilter,
  type LogLosses,
  type LogReader,
  type LogStreamLimits,
  type LogWriter,
} from "./log-types.ts";
import { consumeLogs } from "./log-writers.ts";
import { ensureStream, streamsOf } from "./streams.ts";
import { subjects } from "./subjects.ts";

const DEFAULT_LIMITS: LogStreamLimits = {
  streamBytesMax: 1024 ** 3,
  ageMaxMs: 24 * 3_600_000,
  replicas: "auto",
  inFlightMax: 1_024,
  inFlightBytesMax: 16 * 1024 * 1024,
  publishTimeoutMs: 2_000,
  publishForMs: 30_000,
  consumeBatchMax: 512,
  ackWaitMs: 30_000,
  ackPendingMax: 2_048,
};

/** The stream of log lines. */
export interface LogStream {
  /** Makes the stream, or brings it up to the settings; for those who consume it. */
  ensure(): Promise<void>;
  /** Hands a batch over without waiting; false when it is lost because too much waits already. */
  publish(batch: control.LogBatch): boolean;
  /** Resolves when every batch handed over is in the stream or lost, or when the time is over. */
  flush(timeoutMs: number): Promise<void>;
  readonly losses: Readonly<LogLosses>;
  /** Joins those who move lines to Postgres: each batch goes to one of them. */
  consume(writer: LogWriter): LogReader;
  /** Reads lines as they come. A run's from its first line on; a workflow's or a project's from now on. */
  tail(filter: LogFilter, onBatch: (batch: control.LogBatch) => void): LogReader;
}

/** Opens the stream; nothing is sent before the first use. */
export function openLogStream(bus: Bus, limits: Partial<LogStreamLimits> = {}): LogStream {
  const settings = { ...DEFAULT_LIMITS, ...limits };
  let lacking = false;
  const ensure = async (): Promise<void> => {
    try {
      const streams = await streamsOf(bus, "making the log stream");
      lacking = !(await ensureStream(streams, streamConfig(settings), settings.replicas));
    } catch (thrown) {
      throw translateNatsError(thrown, "making the log stream");
    }
  };
  const publisher = new LogPublisher(bus, settings);
  return {
    ensure,
    publish: (batch) => publisher.publish(batch),
    flush: (timeoutMs) => publisher.flush(timeoutMs),
    get losses() {
      return publisher.losses;
    },
    consume: (writer) => consumeLogs(bus, settings, { ensure, lacksCopies: () => lacking }, writer),
    tail: (filter, onBatch) => tailLogs(bus, filter, onBatch),
  };
}

function streamConfig(limits: LogStreamLimits) {
  return {
    name: LOG_STREAM,
    subjects: [subjects.allLogs()],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_bytes: limits.streamBytesMax,
    max_age: limits.ageMaxMs * 1_000_000,
    // Copies are recognised by assignment and sequence; the server need not remember message ids for minutes.
    duplicate_window: 1_000_000_000,
  };
}
