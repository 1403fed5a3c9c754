import type { IncomingMessage } from "node:http";
import { PlatformError } from "@millrace/core";

/** Bounds of a body that may be a text or a file. */
export interface StartOptions {
  /** What has no more than this is the body itself. */
  readonly inlineMax: number;
  /** Most bytes of a text. */
  readonly textMax: number;
  /** Most bytes of a file, as far as the client announces them. */
  readonly fileMax: number;
  /** Told of all bytes that are kept in memory; what it throws ends the reading. */
  readonly onBytes: (count: number) => void;
}

/** A body that is a file: what was read of it, and the rest as it comes. */
export interface FileBody {
  readonly content: AsyncIterable<Uint8Array>;
  /** Lets go of the request, however much of it was read. */
  readonly release: () => Promise<void>;
}

/** Types that are for people or programs to read as text, whatever their size. */
const TEXT = /^(text\/.*|application\/(x-www-form-urlencoded|json|xml|javascript|.*\+json|.*\+xml|x-ndjson|yaml)|)$/;
const TYPE = /^[!#$%&'*+.^_`|~0-9a-z-]{1,127}\/[!#$%&'*+.^_`|~0-9a-z-]{1,127}$/;

/** True for a media type that can be handed on. */
export function isFileType(mimetype: string): boolean {
  return TYPE.test(mimetype);
}

/**
 * Reads the start of a body and decides what it is: small ones and texts are read to their end, anything else is a file.
 * Whether something is a text is said by its type; where its start is not valid in UTF-8 it is none in any case.
 *
 * @throws PlatformError `BODY_TOO_LARGE`, `REQUEST_ABORTED`
 */
export async function readStart(request: IncomingMessage, options: StartOptions): Promise<Buffer | FileBody> {
  const { textMax, fileMax } = options;
  if (Number(request.headers["content-length"] ?? 0) > Math.max(fileMax, textMax)) throw tooLarge(fileMax);
  // A request that is given up is answered, so leaving the loop must not destroy it.
  const chunks = request.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  const release = async (): Promise<void> => void (await chunks.return?.());
  try {
    const start = await readUpTo(chunks, Math.min(options.inlineMax, textMax), options.onBytes);
    if (start.isWhole) return start.bytes;
    if (!isText(request.headers["content-type"], start.bytes)) {
      return { content: continued(start.bytes, chunks), release };
    }
    const rest = await readUpTo(chunks, textMax - start.bytes.length, options.onBytes);
    if (!rest.isWhole) throw tooLarge(textMax);
    return Buffer.concat([start.bytes, rest.bytes]);
  } catch (thrown) {
    await release();
    throw thrown;
  }
}

/** Reads to the end, or until there are more bytes than the limit. */
async function readUpTo(
  chunks: AsyncIterator<Buffer>,
  limit: number,
  onBytes: (count: number) => void,
): Promise<{ readonly bytes: Buffer; readonly isWhole: boolean }> {
  const read: Buffer[] = [];
  let bytes = 0;
  while (bytes <= limit) {
    const next = await following(chunks);
    if (next.done === true) return { bytes: Buffer.concat(read), isWhole: true };
    onBytes(next.value.length);
    read.push(next.value);
    bytes += next.value.length;
  }
  return { bytes: Buffer.concat(read), isWhole: false };
}

async function following(chunks: AsyncIterator<Buffer>): Promise<IteratorResult<Buffer>> {
  try {
    return await chunks.next();
  } catch (cause) {
    const message = "the client left before its request was complete";
    throw new PlatformError("Cancelled", "REQUEST_ABORTED", message, { cause });
  }
}

async function* continued(start: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Uint8Array> {
  yield start;
  for (let next = await following(chunks); next.done !== true; next = await following(chunks)) yield next.value;
}

function isText(contentType: string | undefined, start: Buffer): boolean {
  const type = (contentType ?? "").split(";", 1)[0]!.trim().toLowerCase();
  if (!TEXT.test(type)) return false;
  try {
    // A character may be cut at the end.
    new TextDecoder("utf-8", { fatal: true }).decode(start, { stream: true });
    return true;
  } catch {
    return /charset=/i.test(contentType ?? "") && !/charset="?utf-?8/i.test(contentType ?? "");
  }
}

function tooLarge(limitBytes: number): PlatformError {
  return new PlatformError("InvalidArgument", "BODY_TOO_LARGE", `the body is larger than ${limitBytes} bytes`);
}
