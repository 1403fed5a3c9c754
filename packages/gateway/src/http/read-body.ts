import type { IncomingMessage } from "node:http";
import { PlatformError } from "@millrace/core";

const EMPTY = Buffer.alloc(0);

/**
 * Reads a request's body up to a bound.
 *
 * @throws PlatformError `BODY_TOO_LARGE`, as soon as that is known, and `REQUEST_ABORTED` when the client left
 */
export function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > limitBytes) return Promise.reject(tooLarge(limitBytes));
  if (announced === 0 && request.headers["transfer-encoding"] === undefined) return Promise.resolve(EMPTY);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limitBytes) chunks.push(chunk);
      else reject(tooLarge(limitBytes));
    });
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
