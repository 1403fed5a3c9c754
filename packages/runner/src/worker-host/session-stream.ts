import type { session } from "@millrace/protocol";

/** The writing half of a session's gRPC stream. */
export interface FrameSink {
  /** False when the stream asks to wait for `drain`. */
  write(message: session.SessionResponse): boolean;
}

/** Bounds of what waits for a worker that reads too slowly. */
export interface OutgoingLimits {
  readonly framesMax: number;
  readonly bytesMax: number;
}

/** Bounds of one message, as the contract says. */
const MESSAGE_FRAMES_MAX = 1024;
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

type Frame = NonNullable<session.RunnerFrame["frame"]>;

/**
 * Gathers what is said to a worker within one turn of the event loop into one message: under load a message carries
 * dozens of frames, which is what makes the exchange cheap. Held back while the stream is full, bounded.
 */
export class OutgoingFrames {
  readonly #sink: FrameSink;
  readonly #limits: OutgoingLimits;
  readonly #onOverflow: () => void;
  #waiting: session.RunnerFrame[] = [];
  #waitingBytes = 0;
  #scheduled = false;
  #blocked = false;
  #closed = false;

  constructor(sink: FrameSink, limits: OutgoingLimits, onOverflow: () => void) {
    this.#sink = sink;
    this.#limits = limits;
    this.#onOverflow = onOverflow;
  }

  /** Says something to the worker, in the order of the calls. */
  send(frame: Frame): void {
    if (this.#closed) return;
    this.#waiting.push({ frame });
    this.#waitingBytes += roughBytes(frame);
    if (this.#waiting.length > this.#limits.framesMax || this.#waitingBytes > this.#limits.bytesMax) {
      this.close();
      this.#onOverflow();
      return;
    }
    if (!this.#scheduled && !this.#blocked) {
      this.#scheduled = true;
      setImmediate(this.#flush);
    }
  }

  /** The stream takes more. */
  drained(): void {
    this.#blocked = false;
    this.#flush();
  }

  /** Drops what waits; nothing is written any more. */
  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    while (this.#waiting.length > 0 && !this.#blocked && !this.#closed) {
      this.#blocked = !this.#sink.write({ frames: this.#take() });
    }
  };

  /** The frames of the next message. */
  #take(): session.RunnerFrame[] {
    const all = this.#waiting;
    if (all.length <= MESSAGE_FRAMES_MAX && this.#waitingBytes <= MESSAGE_BYTES_MAX) {
      this.#waiting = [];
      this.#waitingBytes = 0;
      return all;
    }
    let bytes = 0;
    let count = 0;
    for (const { frame } of all) {
      const size = roughBytes(frame!);
      if (count > 0 && (bytes + size > MESSAGE_BYTES_MAX || count === MESSAGE_FRAMES_MAX)) break;
      bytes += size;
      count += 1;
    }
    this.#waiting = all.slice(count);
    this.#waitingBytes -= bytes;
    return all.slice(0, count);
  }
}

const SMALL_FRAME_BYTES = 128;

/** Near enough to keep messages and queues within their bounds, and cheap. */
function roughBytes(frame: Frame): number {
  if (frame.$case === "startRun") {
    const start = frame.value;
    let bytes = 2 * SMALL_FRAME_BYTES + start.eventJson.length + start.contextJson.length;
    bytes += start.tmp?.content.length ?? 0;
    for (const step of start.doneSteps) bytes += step.exportsJson.length + (step.returnValueJson?.length ?? 0);
    for (const name in start.environment) bytes += name.length + start.environment[name]!.length;
    return bytes;
  }
  if (frame.$case === "loadVersion" || frame.$case === "checkVersion") {
    const sources = [...frame.value.steps, ...frame.value.modules];
    return sources.reduce((sum, { source }) => sum + source.length, SMALL_FRAME_BYTES);
  }
  if (frame.$case === "callResult") {
    return SMALL_FRAME_BYTES + frame.value.responseJson.length + frame.value.body.length;
  }
  return frame.$case === "renew" ? SMALL_FRAME_BYTES * frame.value.lives.length : SMALL_FRAME_BYTES;
}
