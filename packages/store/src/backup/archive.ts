/** A tar archive, written and read as a stream: `tar tf` shows what a backup holds. Entries are small enough for memory. */
import { PlatformError } from "@millrace/core";

/** One file of an archive. */
export interface ArchiveEntry {
  readonly name: string;
  readonly content: Buffer;
}

const BLOCK = 512;
/** Larger than any part that is written, so that a damaged length is not believed. */
const ENTRY_BYTES_MAX = 256 * 1024 * 1024;

/** Two empty blocks end an archive. */
export const ARCHIVE_END = Buffer.alloc(2 * BLOCK);

/** The bytes of one entry, with its header and its padding. */
export function writeEntry({ name, content }: ArchiveEntry): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, 100);
  const octal = (value: number, at: number, length: number): void => {
    header.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
  };
  octal(0o600, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(content.length, 124, 12);
  octal(0, 136, 12);
  header.fill(" ", 148, 156);
  header.write("0ustar\x0000", 156, "latin1");
  header.write(`${sumOf(header).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return Buffer.concat([header, content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)]);
}

/** The entries of an archive, in their order. Throws `BACKUP_DAMAGED` for what is none, or ends in the middle. */
export async function* readEntries(source: AsyncIterable<Uint8Array>): AsyncGenerator<ArchiveEntry> {
  const bytes = new ByteReader(source);
  for (;;) {
    const header = await bytes.take(BLOCK);
    if (header.every((byte) => byte === 0)) return;
    const sum = Number.parseInt(header.toString("latin1", 148, 156), 8);
    const size = Number.parseInt(header.toString("latin1", 124, 136), 8);
    if (sum !== sumOf(header.fill(" ", 148, 156)) || !(size <= ENTRY_BYTES_MAX)) throw damaged("it is no archive");
    const name = header.toString("utf8", 0, 100).replace(/\0.*$/s, "");
    const content = await bytes.take(size);
    await bytes.take((BLOCK - (size % BLOCK)) % BLOCK);
    yield { name, content };
  }
}

/** The backup cannot be read. */
export function damaged(why: string, cause?: unknown): PlatformError {
  return new PlatformError("InvalidArgument", "BACKUP_DAMAGED", `The backup cannot be read: ${why}`, { cause });
}

function sumOf(header: Buffer): number {
  return header.reduce((sum, byte) => sum + byte, 0);
}

/** Takes so many bytes from a stream at a time. */
class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async take(length: number): Promise<Buffer> {
    while (this.#length < length) {
      const next = await this.#source.next();
      if (next.done === true) throw damaged("it ends too early");
      this.#chunks.push(next.value);
      this.#length += next.value.length;
    }
    const all = Buffer.concat(this.#chunks, this.#length);
    this.#chunks = [all.subarray(length)];
    this.#length -= length;
    return all.subarray(0, length);
  }
}
