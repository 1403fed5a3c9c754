import { PlatformError } from "@millrace/core";

const STRONG = /^"([\x21\x23-\x7e]{1,128})"$/;

/** The etag of an `If-Match` or `If-None-Match`; undefined for none and for `*`. Throws `INVALID_ETAG`. */
export function etagOfHeader(header: string | undefined): string | undefined {
  if (header === undefined || header.trim() === "*") return undefined;
  const etag = STRONG.exec(header.trim())?.[1];
  if (etag !== undefined) return etag;
  throw new PlatformError("InvalidArgument", "INVALID_ETAG", "an etag is one word in double quotes, as it was given");
}

/** The etag of a resource; undefined when it has none. */
export function etagOfMessage(message: unknown): string | undefined {
  const { etag } = message as { etag?: unknown };
  return typeof etag === "string" && etag !== "" ? etag : undefined;
}
