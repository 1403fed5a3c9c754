import { createHash, randomUUID } from "node:crypto";
import type { Service } from "@millrace/bus";
import { coerceError, PlatformError, type ErrorKind, type PayloadReference } from "@millrace/core";
import type { control } from "@millrace/protocol";

/** Where objects are, and how patiently they are asked for. */
export interface ObjectClientOptions {
  readonly read: Pick<Service<control.ReadObjectRequest, control.ReadObjectResponse>, "request">;
  readonly write: Pick<Service<control.WriteObjectRequest, control.WriteObjectResponse>, "request">;
  /** Largest message of the bus at the moment. */
  readonly messageBytesMax: () => number;
  /** One request waits this long for a gateway. */
  readonly requestTimeoutMs: number;
}

/** For whom, and how long that makes sense. */
export interface ObjectAsker {
  readonly runToken: string;
  /** False once the run has left: then nobody needs it any more. */
  readonly held: () => boolean;
}

/** What an object is for. */
export interface ObjectPurpose {
  readonly use: control.ObjectUse;
  readonly superseded: readonly string[];
}

const PIECE_BYTES_MAX = 512 * 1024;
/** Of a message, beside its piece. */
const MESSAGE_OVERHEAD_BYTES = 8 * 1024;
/** Pieces on their way at the same time. */
const WINDOW = 4;
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 2_000;

/** Answers that stay the same however often one asks. */
const PERMANENT: ReadonlySet<ErrorKind> = new Set([
  "InvalidArgument",
  "NotFound",
  "PermissionDenied",
  "Unauthenticated",
  "FailedPrecondition",
]);

/**
 * Reads and writes objects of a run through any gateway, piece by piece. A piece that is lost is asked for again, so that a
 * transfer goes on where it was; it ends when the run has left.
 */
export class ObjectClient {
  readonly #options: ObjectClientOptions;

  constructor(options: ObjectClientOptions) {
    this.#options = options;
  }

  /** The whole object. Throws `OBJECT_NOT_FOUND`, and `RUN_LEFT` when nobody needs it any more. */
  async read({ objectId, size }: PayloadReference, { runToken, held }: ObjectAsker): Promise<Buffer> {
    const { read, requestTimeoutMs: timeoutMs } = this.#options;
    const whole = Buffer.allocUnsafe(size);
    await this.#inPieces(size, async (offset, length) => {
      const request = { runToken, objectId, offset, length };
      const { content } = await patiently(held, () => read.request(request, { timeoutMs }));
      if (content.length !== length) throw cut(objectId);
      content.copy(whole, offset);
    });
    return whole;
  }

  /** Writes an object that the run retains from then on. Throws what gateways refuse for good, and `RUN_LEFT`. */
  async write(content: Buffer, purpose: ObjectPurpose, { runToken, held }: ObjectAsker): Promise<PayloadReference> {
    const objectId = randomUUID();
    const { write, requestTimeoutMs: timeoutMs } = this.#options;
    const send = async (message: Pick<control.WriteObjectRequest, "position" | "content" | "end">): Promise<void> => {
      await patiently(held, () => write.request({ runToken, objectId, ...message }, { timeoutMs }));
    };
    await this.#inPieces(content.length, (position, length) =>
      send({ position, content: content.subarray(position, position + length), end: undefined }),
    );
    const sha256 = createHash("sha256").update(content).digest();
    const end = { size: content.length, sha256, use: purpose.use, superseded: [...purpose.superseded] };
    await send({ position: content.length, content: Buffer.alloc(0), end });
    return { objectId, size: content.length };
  }

  /** All pieces of so many bytes, a few at a time. The first failure ends it. */
  async #inPieces(bytes: number, move: (offset: number, length: number) => Promise<void>): Promise<void> {
    const piece = Math.min(PIECE_BYTES_MAX, this.#options.messageBytesMax() - MESSAGE_OVERHEAD_BYTES);
    let next = 0;
    const carry = async (): Promise<void> => {
      while (next < bytes) {
        const offset = next;
        next += piece;
        try {
          await move(offset, Math.min(piece, bytes - offset));
        } catch (thrown) {
          next = bytes;
          throw thrown;
        }
      }
    };
    await Promise.all(Array.from({ length: WINDOW }, carry));
  }
}

/** Tries until it works, it never will, or the run has left. A house that is away holds a run up, no more. */
async function patiently<T>(held: () => boolean, attempt: () => Promise<T>): Promise<T> {
  for (let pauseMs = RETRY_FIRST_MS; ; pauseMs = Math.min(pauseMs * 2, RETRY_MAX_MS)) {
    if (!held()) throw new PlatformError("Cancelled", "RUN_LEFT", "the run has left this runner");
    try {
      return await attempt();
    } catch (thrown) {
      const error = coerceError(thrown);
      if (PERMANENT.has(error.kind) || error.reason === "STORAGE_FULL") throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

function cut(objectId: string): PlatformError {
  return new PlatformError("NotFound", "OBJECT_NOT_FOUND", `object ${objectId} is shorter than it should be`);
}
