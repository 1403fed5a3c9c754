import { PlatformError } from "@millrace/core";
import type { ApiContext } from "./api-caller.ts";
import { SubmitStream, type SubmitCall, type SubmitStreamOptions } from "./submit-stream.ts";

export interface SubmitStreamsOptions extends SubmitStreamOptions {
  /** Streams at the same time. */
  readonly streamsMax: number;
}

/** The streams by which producers hand in runs at this gateway. */
export class SubmitStreams {
  readonly #options: SubmitStreamsOptions;
  #open = 0;

  constructor(options: SubmitStreamsOptions) {
    this.#options = options;
  }

  /** Serves one stream to its end. Throws `TOO_MANY_SUBMIT_STREAMS`, and what ended the stream. */
  async serve(call: SubmitCall, context: ApiContext): Promise<void> {
    const { streamsMax } = this.#options;
    if (this.#open >= streamsMax) {
      const message = `this gateway serves ${streamsMax} streams of submits, its limit; try again later`;
      throw new PlatformError("ResourceExhausted", "TOO_MANY_SUBMIT_STREAMS", message);
    }
    this.#open++;
    try {
      await new SubmitStream(call, context, this.#options).serve();
    } finally {
      this.#open--;
    }
  }
}
