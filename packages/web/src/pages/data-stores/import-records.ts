import { ApiError, segment } from "../../api/http.ts";
import { upload } from "../../api/upload.ts";
import type { ImportDataStoreResponse } from "../../api/generated/types.ts";
import { formatCount } from "../../ui/format.ts";

/** As much is sent at once: the house has a bound for how long a request may take, a file has none for how long it is. */
const PART_BYTES = 1024 * 1024;
/** A longer line is none that the house would take. */
const LINE_BYTES_MAX = 4 * 1024 * 1024;
const NEW_LINE = 0x0a;

/** Whole lines of a file. */
export interface FilePart {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lines: number;
}

/** The lines of a file in parts of about the same size, read as they are needed. */
export async function* partsOf(file: Blob, partBytes = PART_BYTES): AsyncGenerator<FilePart> {
  let size = partBytes;
  for (let at = 0; at < file.size;) {
    const read = new Uint8Array(await file.slice(at, at + size).arrayBuffer());
    const isRest = at + size >= file.size || size >= LINE_BYTES_MAX;
    const end = isRest ? read.length : read.lastIndexOf(NEW_LINE) + 1;
    if (end === 0) {
      size *= 2;
      continue;
    }
    const bytes = read.subarray(0, end);
    yield { bytes, lines: bytes.reduce((count, byte) => count + (byte === NEW_LINE ? 1 : 0), 0) };
    at += end;
    size = partBytes;
  }
}

/** What an import has come to. */
export interface Imported {
  readonly imported: number;
  readonly expired: number;
}

export interface ImportOptions {
  readonly signal: AbortSignal;
  /** Told of the part that is written, from 0 to 1. */
  readonly onProgress: (part: number) => void;
}

/** Writes the lines of a file as records. Throws an `ApiError` that says which line is wrong, and what was written before. */
export async function importRecords(store: string, file: Blob, options: ImportOptions): Promise<Imported> {
  const { signal, onProgress } = options;
  let [lines, written, imported, expired] = [0, 0, 0, 0];
  for await (const part of partsOf(file)) {
    try {
      const answer = await upload<ImportDataStoreResponse>(
        "POST",
        `dataStores/${segment(store)}:import`,
        new Blob([part.bytes]),
        { contentType: "application/x-ndjson", signal },
      );
      imported += Number(answer.importedCount ?? 0);
      expired += Number(answer.expiredCount ?? 0);
    } catch (thrown) {
      throw thrown instanceof ApiError ? inWholeFile(thrown, lines, imported) : thrown;
    }
    lines += part.lines;
    written += part.bytes.length;
    onProgress(written / file.size);
  }
  return { imported, expired };
}

/** What the house says of a part, said of the file: where, and what has been written before that. */
function inWholeFile(error: ApiError, linesBefore: number, importedBefore: number): ApiError {
  const { line, imported = "0" } = error.metadata;
  const count = importedBefore + Number(imported);
  const before = `${formatCount(count)} records before it are written.`;
  const text = error.message.replace(/^line \d+: /, "");
  const message = line === undefined ? `${text} ${before}` : `Line ${linesBefore + Number(line)}: ${text}. ${before}`;
  return new ApiError(error.status, message, error.reason, { ...error.metadata }, error.retryAfterS);
}
