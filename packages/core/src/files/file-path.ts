import { PlatformError } from "../errors.ts";

const PATH_BYTES_MAX = 1_024;
const SEGMENT_BYTES_MAX = 255;
const SHOWN_MAX = 200;
// oxlint-disable-next-line no-control-regex
const NOT_ALLOWED = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\\]/;
const encoder = new TextEncoder();

/**
 * The one spelling of a file's path in a project's file store: `reports/2026/may.csv`. A leading slash is the store's root and
 * is left out; text is normalised (NFC), so that a name typed on another system is the same name.
 *
 * @throws PlatformError `INVALID_PATH`
 */
export function parseFilePath(given: string): string {
  const path = given.startsWith("/") ? given.slice(1) : given;
  if (path === "") throw invalidPath(given, "a file needs a name");
  if (path.endsWith("/")) throw invalidPath(given, "a file's path does not end with a slash");
  return checked(given, path);
}

/** The path of a directory, ending with a slash; empty for the root. Throws `INVALID_PATH`. */
export function parseDirectoryPath(given: string): string {
  const path = given.replace(/^\//, "").replace(/\/$/, "");
  return path === "" ? "" : `${checked(given, path)}/`;
}

function checked(given: string, path: string): string {
  if (!path.isWellFormed()) throw invalidPath(given, "it is not valid Unicode");
  const normal = path.normalize("NFC");
  if (NOT_ALLOWED.test(normal)) throw invalidPath(given, "control characters and backslashes are not allowed");
  if (encoder.encode(normal).length > PATH_BYTES_MAX)
    throw invalidPath(given, `it has more than ${PATH_BYTES_MAX} bytes`);
  for (const segment of normal.split("/")) {
    if (segment === "") throw invalidPath(given, "a part of it is empty");
    if (segment === "." || segment === "..") throw invalidPath(given, '"." and ".." are not allowed');
    if (encoder.encode(segment).length <= SEGMENT_BYTES_MAX) continue;
    throw invalidPath(given, `a part of it has more than ${SEGMENT_BYTES_MAX} bytes`);
  }
  return normal;
}

function invalidPath(given: string, why: string): PlatformError {
  const shown = JSON.stringify(given.slice(0, SHOWN_MAX).toWellFormed());
  return new PlatformError("InvalidArgument", "INVALID_PATH", `${shown} is no path of a file: ${why}`);
}
