import type { IncomingMessage } from "node:http";
import { coerceError, PlatformError } from "@millrace/core";

const EMPTY = Buffer.alloc(0);

/**
 * Reads a request's body up to a bound.
 *
 * @param onBytes told of all bytes before they are kept; what it throws ends the reading
 * @throws PlatformError `BODY_TOO_LARGE`, as soon as that is known, and `REQUEST_ABORTED` when the client left
 */
export function readBody(
  request: IncomingMessage,
  limitBytes: number,
  onBytes: (count: number) => void,
): Promise<Buffer> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > limitBytes) return Promise.reject(tooLarge(limitBytes));
  if (announced === 0 && request.headers["transfer-encoding"] === undefined) return Promise.resolve(EMPTY);
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let bytes = 0;
    const fail = (error: unknown): void => {
      request.off("data", keep);
      chunks = [];
      reject(coerceError(error));
    };
    const keep = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > limitBytes) return fail(tooLarge(limitBytes));
      try {
        onBytes(chunk.length);
        chunks.push(chunk);
      } catch (thrown) {
        fail(thrown);
      }
    };
    request.on("data", keep);
    request.on("end", () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    request.on("error", () => reject(aborted()));
    request.on("close", () => {
      if (!request.complete) reject(aborted());
    });
  });
}

function tooLarge(limitBytes: number): PlatformError {
  return new PlatformError("InvalidArgument", "BODY_TOO_LARGE", `the body is larger than ${limitBytes} bytes`);
}

function aborted(): PlatformError {
  return new PlatformError("Cancelled", "REQUEST_ABORTED", "the client left before its request was complete");
}
