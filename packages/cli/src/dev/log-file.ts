import { closeSync, copyFileSync, openSync, readSync, statSync, truncateSync } from "node:fs";

const sizeMaxBytes = 16 * 1024 * 1024;
const lookEveryMs = 10_000;
const tailBytes = 16 * 1024;

/**
 * A process' output. The process holds the file itself, so it goes on writing when the supervisor is busy or gone; the
 * supervisor only cuts it back, keeping one older piece.
 */
export class LogFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    closeSync(openSync(path, "a", 0o600));
    setInterval(() => this.#cutBack(), lookEveryMs).unref();
  }

  /** Opens the file for one start of the process; the caller closes it. */
  open(): number {
    return openSync(this.path, "a", 0o600);
  }

  /** How long the file is now: what a process prints from here on is `tail(length())`. */
  length(): number {
    return statSync(this.path).size;
  }

  /** The end of what was written behind a position. */
  tail(from: number): string {
    const end = this.length();
    const start = Math.max(Math.min(from, end), end - tailBytes);
    const buffer = Buffer.alloc(end - start);
    const descriptor = openSync(this.path, "r");
    try {
      readSync(descriptor, buffer, 0, buffer.length, start);
    } finally {
      closeSync(descriptor);
    }
    return buffer.toString("utf8");
  }

  #cutBack(): void {
    if (this.length() > sizeMaxBytes) {
      copyFileSync(this.path, `${this.path}.1`);
      truncateSync(this.path, 0);
    }
  }
}
