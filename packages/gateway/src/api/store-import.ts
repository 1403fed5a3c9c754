import { PlatformError } from "@millrace/core";
import type { dataStoreApi } from "@millrace/protocol";
import type { DataStoreOperation } from "@millrace/store";
import { parseStoreLine, splitStoreLines } from "./store-lines.ts";
import { parseStoreName, toOperation } from "./store-operations.ts";

/** What is written at once. */
const BATCH_RECORDS = 500;
const BATCH_BYTES = 1024 * 1024;

/** What an import came to. */
export interface StoreImport {
  readonly imported: number;
  readonly expired: number;
}

/**
 * Writes records as they come, with bounded memory. What comes before a line that fails is written.
 *
 * @throws PlatformError `INVALID_UPLOAD`, and `INVALID_RECORD` or what the write throws, with the line and what was written
 */
export async function importStore(
  requests: AsyncIterable<dataStoreApi.ImportDataStoreRequest>,
  write: (store: string, operations: readonly DataStoreOperation[]) => Promise<void>,
): Promise<StoreImport> {
  const upload = requests[Symbol.asyncIterator]();
  const first = await upload.next();
  if (first.done === true) throw incomplete();
  const store = parseStoreName(first.value.name);
  const batch = new Batch((operations) => write(store, operations));
  try {
    for await (const line of splitStoreLines(contentOf(first.value, upload))) await batch.add(line);
    await batch.flush();
  } catch (thrown) {
    if (!(thrown instanceof PlatformError) || thrown.reason === "INVALID_UPLOAD") throw thrown;
    const { line, imported } = batch;
    const metadata = { ...thrown.metadata, line: String(line), imported: String(imported) };
    throw new PlatformError(thrown.kind, thrown.reason, `line ${line}: ${thrown.message}`, { metadata, cause: thrown });
  }
  return { imported: batch.imported, expired: batch.expired };
}

/** The records that are written next. */
class Batch {
  /** The line that is looked at, from 1. */
  line = 1;
  imported = 0;
  expired = 0;
  readonly #write: (operations: readonly DataStoreOperation[]) => Promise<void>;
  #operations: DataStoreOperation[] = [];
  #bytes = 0;

  constructor(write: (operations: readonly DataStoreOperation[]) => Promise<void>) {
    this.#write = write;
  }

  async add(line: Buffer): Promise<void> {
    if (line.length > 1 || (line.length === 1 && line[0] !== CARRIAGE_RETURN)) this.#take(line);
    this.line += 1;
    if (this.#operations.length >= BATCH_RECORDS || this.#bytes >= BATCH_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#operations.length > 0) await this.#write(this.#operations);
    this.imported += this.#operations.length;
    this.#operations = [];
    this.#bytes = 0;
  }

  #take(line: Buffer): void {
    const { key, valueJson, expireTimeMs } = parseStoreLine(line);
    const leftMs = expireTimeMs === null ? undefined : expireTimeMs - Date.now();
    if (leftMs !== undefined && leftMs <= 0) {
      this.expired += 1;
      return;
    }
    const ttl = leftMs === undefined ? undefined : { seconds: Math.floor(leftMs / 1000), nanos: (leftMs % 1000) * 1e6 };
    this.#operations.push(toOperation({ key, valueJson, expireTime: undefined, ttl }));
    this.#bytes += line.length;
  }
}

const CARRIAGE_RETURN = 0x0d;

/** The bytes of an upload, up to its last message. */
async function* contentOf(
  first: dataStoreApi.ImportDataStoreRequest,
  rest: AsyncIterator<dataStoreApi.ImportDataStoreRequest>,
): AsyncGenerator<Uint8Array> {
  for (let message = first; ;) {
    yield message.data;
    if (message.last) return;
    const next = await rest.next();
    if (next.done === true) throw incomplete();
    message = next.value;
  }
}

function incomplete(): PlatformError {
  return new PlatformError("InvalidArgument", "INVALID_UPLOAD", "the upload has ended before its last message");
}
