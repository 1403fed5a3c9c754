import { randomUUID } from "node:crypto";
import {
  coerceError,
  encodePayloadReference,
  INLINE_BYTES_MAX,
  parsePayloadReference,
  PlatformError,
  type messages,
  type PayloadReference,
  type StepResponse,
} from "@millrace/core";
import type { Objects } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";

const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 1_000;
const MIB = 1024 ** 2;

export interface PayloadsOptions {
  readonly objects: Objects;
  /** Largest event. */
  readonly eventBytesMax: number;
  /** How long a database that is away is waited for. */
  readonly timeoutMs: number;
  readonly log: Logger;
}

/** A payload where it is; a body can look like a reference and be none. */
export interface PayloadSource {
  readonly bytes: Uint8Array;
  readonly mayBeReference: boolean;
}

/** What is too large for messages and rows: written before anything names it, and read where it is needed. */
export class Payloads {
  readonly #options: PayloadsOptions;

  constructor(options: PayloadsOptions) {
    this.#options = options;
  }

  /** True when the submit's event has to be looked at here before it goes out. */
  concerns({ input: { eventJson, contextJson } }: messages.Submit): boolean {
    return eventJson.length + contextJson.length > INLINE_BYTES_MAX || eventJson[0] === 0;
  }

  /**
   * The submit with a reference in place of its event, which the run retains from now on. The event of a run that is
   * replayed is a reference already.
   *
   * @throws PlatformError `EVENT_TOO_LARGE`, `DATABASE_UNAVAILABLE`
   */
  async store(submit: messages.Submit): Promise<messages.Submit> {
    const { input, runId } = submit;
    const reference = parsePayloadReference(input.eventJson) ?? {
      objectId: randomUUID(),
      size: input.eventJson.length,
    };
    this.#checkSize(reference.size);
    await this.#patiently(() => this.#retain(submit, reference));
    return { ...submit, runId, input: { ...input, eventJson: encodePayloadReference(reference) } };
  }

  /** The run of a submit was not accepted, and will not be. What stays for want of a database is collected later. */
  release({ runId }: messages.Submit): void {
    const { objects, log } = this.#options;
    objects
      .release({ kind: "run", id: runId })
      .catch((thrown: unknown) => log.warn("payload.not_released", { run: runId, error: coerceError(thrown) }));
  }

  /** The whole of a payload that may be a reference to what its run retains. */
  async load(runId: string, bytes: Uint8Array): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.stream(runId, { bytes, mayBeReference: true })) pieces.push(piece);
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /** An answer with its body. */
  async loadAnswer(runId: string, answer: StepResponse): Promise<StepResponse> {
    return { ...answer, body: await this.load(runId, answer.body), bodyIsReference: false };
  }

  async #retain({ runId, spec, input }: messages.Submit, { objectId, size }: PayloadReference): Promise<void> {
    const { objects } = this.#options;
    const owner = { kind: "run", id: runId } as const;
    if (parsePayloadReference(input.eventJson)) return objects.retain(spec.projectId, owner, [objectId]);
    const write = { projectId: spec.projectId, id: objectId, bytesMax: size, owner };
    await objects.write(write, once(input.eventJson));
  }

  /** The payload in pieces, as they come from the storage. */
  async *stream(runId: string, { bytes, mayBeReference }: PayloadSource): AsyncIterable<Buffer> {
    const reference = mayBeReference ? parsePayloadReference(bytes) : undefined;
    if (reference === undefined) yield asBuffer(bytes);
    else yield* this.#read(runId, reference);
  }

  /** A reference came from a runner or from the record; only what the run itself retains is read for it. */
  async *#read(runId: string, { objectId, size }: PayloadReference): AsyncIterable<Buffer> {
    const { objects } = this.#options;
    if (!(await objects.isRetained({ kind: "run", id: runId }, objectId))) {
      throw new PlatformError("NotFound", "PAYLOAD_NOT_FOUND", "the run does not hold this payload any more");
    }
    yield* objects.read(objectId, { start: 0, end: size });
  }

  #checkSize(size: number): void {
    const { eventBytesMax } = this.#options;
    if (size <= eventBytesMax) return;
    const [has, may] = [size, eventBytesMax].map((bytes) => `${(bytes / MIB).toFixed(1)} MiB`);
    throw new PlatformError(
      "InvalidArgument",
      "EVENT_TOO_LARGE",
      `the event takes ${has} as JSON; the limit is ${may}`,
    );
  }

  /** A database that is away for seconds costs time, not an error. */
  async #patiently(operation: () => Promise<void>): Promise<void> {
    const end = performance.now() + this.#options.timeoutMs;
    for (let pauseMs = RETRY_FIRST_MS; ; pauseMs = Math.min(pauseMs * 2, RETRY_MAX_MS)) {
      try {
        return await operation();
      } catch (thrown) {
        const error = coerceError(thrown);
        if (error.kind !== "Unavailable" || performance.now() + pauseMs >= end) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
