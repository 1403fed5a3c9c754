import { PlatformError } from "@millrace/core";

const BYTES_MAX = 4 * 1024 * 1024;
const PACKAGE =
  /^[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._,-]*\])?(==[A-Za-z0-9.!+_-]+| @ https:\/\/[^\s\\]+)( ; [^\\#$\p{Cc}]+)? \\$/u;
const HASH = /^ {4}--hash=sha256:[0-9a-f]{64}( \\)?$/;

/** Refuses what is not pinned packages with hashes: a lock was written by a process that runs code of strangers. */
export function assertLock(lock: string): void {
  const lines = lock.split("\n").filter((line) => line !== "");
  const wrong = lines.find((line, index) => {
    // A package is followed by its hashes, of which all but the last go on.
    const opens = index > 0 && lines[index - 1]!.endsWith("\\");
    return opens ? !HASH.test(line) : !PACKAGE.test(line);
  });
  const isCut = lines.at(-1)?.endsWith("\\") === true;
  if (wrong === undefined && !isCut && Buffer.byteLength(lock) <= BYTES_MAX) return;
  const message = `the lock has a line that is none: ${JSON.stringify((wrong ?? "").slice(0, 100))}`;
  throw new PlatformError("Unavailable", "PACKAGES_BUILD_FAILED", message);
}
