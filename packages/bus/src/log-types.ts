import type { control } from "@millrace/protocol";
import type { Replicas } from "./streams.ts";

/** Name of the stream that carries log lines from runners to Postgres and to live readers. */
export const LOG_STREAM = "LOGS";

/** Bounds of the log stream and of what one process does with it. */
export interface LogStreamLimits {
  /** Size of the stream; the oldest lines go first. Default 1 GiB. */
  streamBytesMax: number;
  /** Largest batch. Default 2 MiB. */
  batchBytesMax: number;
  /** Most batches of one run; its own oldest go first. Default 100,000. */
  runBatchesMax: number;
  /** Age at which lines leave the stream. Default 24 h. */
  ageMaxMs: number;
  /** Copies of the stream in a NATS cluster. Default: as many as fit, at most three. */
  replicas: Replicas;
  /** Batches that may wait for NATS at a publisher; more are lost and counted. Default 1,024. */
  inFlightMax: number;
  /** Bytes that may wait for NATS at a publisher; more are lost and counted. Default 16 MiB. */
  inFlightBytesMax: number;
  /** For one try to publish a batch. Default 2,000. */
  publishTimeoutMs: number;
  /** How long a batch is tried before it counts as lost: longer than a cluster takes to elect. Default 30,000. */
  publishForMs: number;
  /** Most batches handed to a consumer's handler at once. Default 512. */
  consumeBatchMax: number;
  /** After which a batch that was not acknowledged goes to another consumer. Default 30,000. */
  ackWaitMs: number;
  /** Batches that may be with all consumers together, unacknowledged. Default 2,048. */
  ackPendingMax: number;
}

/** What a publisher could not hand to NATS. Readers see it as a gap in the sequence as well. */
export interface LogLosses {
  batches: number;
  lines: number;
}

/** Handles batches in the order of the stream; they are acknowledged when it resolves, and come again when it rejects. */
export type LogWriter = (batches: readonly control.LogBatch[]) => Promise<void>;

/** Which lines a live reader wants. */
export type LogFilter = { runId: string } | { partition: number; workflowId: string } | { projectId: string };

export interface LogReader {
  close(): void;
}
