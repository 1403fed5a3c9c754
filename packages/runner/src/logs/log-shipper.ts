import type { control, step } from "@millrace/protocol";

import type { RunSecrets } from "./run-secrets.ts";
import { maskLine, SplitLines } from "./split-lines.ts";

/** Where batches go; `openLogSink` of the bus fits. */
export interface LogSink {
  /** False when the batch is lost already. */
  publish(batch: control.LogBatch): boolean;
  /** What was lost so far. */
  readonly losses: { readonly lines: number };
}

/** When lines leave. */
export interface LogShipperLimits {
  /** A line waits at most this long for others of its run. */
  readonly flushAfterMs: number;
  /** Text of one run that waits at most; more leaves at once. */
  readonly batchBytesMax: number;
}

/** Whose lines they are and what must not be read in them. */
export interface LogSource {
  readonly handing: control.Handing;
  readonly projectId: string;
  readonly workflowId: string;
  readonly runToken: string;
  readonly secrets: RunSecrets;
  /** Made when one of its lines comes in pieces. */
  split?: SplitLines;
}

/** A line takes about this much beside its text. */
const LINE_OVERHEAD_BYTES = 32;

/**
 * Masks the lines of runs and hands them to the log stream, a run's lines together. Nothing is kept beyond `flushAfterMs`; what
 * the stream cannot take is lost, and shows to readers as a gap in the sequence ("N lines lost").
 */
export class LogShipper {
  readonly #sink: LogSink;
  readonly #limits: LogShipperLimits;
  readonly #waiting = new Map<LogSource, { lines: step.LogLine[]; bytes: number }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(sink: LogSink, limits: LogShipperLimits) {
    this.#sink = sink;
    this.#limits = limits;
  }

  /** Lines that the log stream could not take. */
  get lostLines(): number {
    return this.#sink.losses.lines;
  }

  /** Takes lines of a run; masks their texts in place. */
  add(source: LogSource, lines: step.LogLine[]): void {
    const { secrets } = source;
    if (secrets.isEmpty && source.split === undefined) return this.#keep(source, lines);
    for (const line of lines) {
      if (line.continued) source.split ??= new SplitLines();
      if (source.split === undefined) {
        maskLine(line, secrets);
        this.#keep(source, [line]);
        continue;
      }
      this.#keep(source, source.split.add(line, secrets));
      if (source.split.isIdle) delete source.split;
    }
  }

  /** Hands over what waits of one run: its step has ended and somebody may wait for its last line. */
  flush(source: LogSource): void {
    if (source.split !== undefined) this.#keep(source, source.split.release(source.secrets));
    delete source.split;
    this.#send(source);
  }

  #keep(source: LogSource, lines: readonly step.LogLine[]): void {
    let waiting = this.#waiting.get(source);
    if (waiting === undefined) this.#waiting.set(source, (waiting = { lines: [], bytes: 0 }));
    for (const line of lines) {
      waiting.lines.push(line);
      waiting.bytes += line.text.length + LINE_OVERHEAD_BYTES;
      if (waiting.bytes >= this.#limits.batchBytesMax) {
        this.#publish(source, waiting.lines);
        waiting.lines = [];
        waiting.bytes = 0;
      }
    }
    this.#timer ??= setTimeout(() => this.flushAll(), this.#limits.flushAfterMs);
  }

  #send(source: LogSource): void {
    const waiting = this.#waiting.get(source);
    if (waiting === undefined) return;
    this.#waiting.delete(source);
    if (waiting.lines.length > 0) this.#publish(source, waiting.lines);
  }

  /** Hands over everything that waits, but lines of which a piece is still to come. */
  flushAll(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const source of this.#waiting.keys()) this.#send(source);
  }

  #publish({ handing, projectId, workflowId, runToken }: LogSource, lines: step.LogLine[]): void {
    this.#sink.publish({ handing, projectId, workflowId, runToken, lines });
  }
}
