import type { control } from "@millrace/protocol";
import { DiscardPolicy, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import type { RunTokenMac } from "@millrace/core";
import type { Bus } from "./bus.ts";
import { translateNatsError } from "./bus-errors.ts";
import { LogPublisher } from "./log-publisher.ts";
import { tailLogs } from "./log-tail.ts";
import { LogTrust } from "./log-trust.ts";
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
  batchBytesMax: 2 * 1024 ** 2,
  runBatchesMax: 100_000,
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

/** The stream of log lines, for a runner. */
export interface LogSink {
  /** Hands a batch over without waiting; false when it is lost because too much waits already. */
  publish(batch: control.LogBatch): boolean;
  /** Resolves when every batch handed over is in the stream or lost, or when the time is over. */
  flush(timeoutMs: number): Promise<void>;
  readonly losses: Readonly<LogLosses>;
}

/** The stream of log lines, for those who read it. */
export interface LogStream {
  /** Makes the stream, or brings it up to the settings; for those who consume it. */
  ensure(): Promise<void>;
  /** Joins those who move lines to Postgres: each batch goes to one of them. */
  consume(writer: LogWriter): LogReader;
  /** Reads lines as they come. A run's from its first line on; a workflow's or a project's from now on. */
  tail(filter: LogFilter, onBatch: (batch: control.LogBatch) => void): LogReader;
}

/** Opens the stream for a runner, which publishes to it under its own name and does nothing else. */
export function openLogSink(bus: Bus, runner: string, limits: Partial<LogStreamLimits> = {}): LogSink {
  return new LogPublisher(bus, { ...DEFAULT_LIMITS, ...limits }, runner);
}

/**
 * Opens the stream for reading; nothing is sent before the first use.
 *
 * @param mac of the run tokens: lines whose token says otherwise are dropped and counted
 */
export function openLogStream(bus: Bus, mac: RunTokenMac, limits: Partial<LogStreamLimits> = {}): LogStream {
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
  const trust = new LogTrust(mac);
  return {
    ensure,
    consume: (writer) => consumeLogs(bus, settings, { ensure, lacksCopies: () => lacking, trust }, writer),
    tail: (filter, onBatch) => tailLogs(bus, trust, filter, onBatch),
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
    max_msg_size: limits.batchBytesMax,
    // What one run of one runner may keep here; no honest one comes near it while lines are archived.
    max_msgs_per_subject: limits.runBatchesMax,
    max_age: limits.ageMaxMs * 1_000_000,
    // Copies are recognised by assignment and sequence; the server need not remember message ids for minutes.
    duplicate_window: 1_000_000_000,
  };
}
