import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { PlatformError } from "@millrace/core";
import { ARCHIVE_END, damaged, readEntries, writeEntry } from "./archive.ts";

/** Raised when a backup is written in a way that earlier releases cannot read. */
const FORMAT = 1;
const MANIFEST = "manifest.json";
const END = "end.json";
/** Larger than any part, whatever a damaged one claims to hold. */
const PART_BYTES_MAX = 256 * 1024 * 1024;

/** How values are written as text, whatever the server's settings say. */
export const SESSION =
  "SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL intervalstyle = 'postgres'; SET LOCAL timezone = 'UTC'; " +
  "SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 3";

const compress = promisify(gzip);
const expand = promisify(gunzip);

/** A table and the columns in the order in which its rows are written. */
export interface BackupTable {
  readonly name: string;
  readonly columns: readonly string[];
}

/** What stands at the beginning of a backup. */
export interface BackupManifest {
  readonly format: number;
  readonly release: string;
  readonly createTime: string;
  /** The schema that the rows fit. */
  readonly migrations: readonly { readonly number: number; readonly kind: string; readonly name: string }[];
  /** Days of history that are kept in tables of their own. */
  readonly days: readonly string[];
  readonly withoutHistory: boolean;
  readonly tables: readonly BackupTable[];
  /** The key under which the secrets in it are sealed, only when it was asked for. */
  readonly masterKey?: string;
}

/** What a backup holds, by table. */
export type RowCounts = Readonly<Record<string, number>>;

/** Some rows of one table, as Postgres' COPY writes them as text. */
export interface BackupPart {
  readonly table: string;
  readonly rows: Buffer;
  readonly rowCount: number;
}

/** Writes a backup; each call returns the bytes that come next. */
export class BackupWriter {
  readonly #hash = createHash("sha256");
  readonly #rows: Record<string, number> = {};
  #parts = 0;

  begin(manifest: Omit<BackupManifest, "format">): Buffer {
    return this.#entry(MANIFEST, Buffer.from(JSON.stringify({ format: FORMAT, ...manifest }, null, 2)));
  }

  async part(table: string, rows: Buffer): Promise<Buffer> {
    this.#rows[table] = (this.#rows[table] ?? 0) + countRows(rows);
    const name = `data/${table}/${String(++this.#parts).padStart(8, "0")}.gz`;
    return this.#entry(name, await compress(rows, { level: 3 }));
  }

  /** Without its end a backup counts as damaged. */
  end(): Buffer {
    const end = { parts: this.#parts, rows: this.#rows, sha256: this.#hash.digest("hex") };
    return Buffer.concat([writeEntry({ name: END, content: Buffer.from(JSON.stringify(end, null, 2)) }), ARCHIVE_END]);
  }

  get rows(): RowCounts {
    return this.#rows;
  }

  #entry(name: string, content: Buffer): Buffer {
    this.#hash.update(content);
    return writeEntry({ name, content });
  }
}

/** A backup that is read: what it says of itself, and its parts. The parts end with an error when anything is missing. */
export interface OpenBackup {
  readonly manifest: BackupManifest;
  readonly parts: AsyncGenerator<BackupPart>;
}

/** Reads a backup's beginning. Throws `BACKUP_DAMAGED`, and `BACKUP_TOO_NEW` for one of a later format. */
export async function openBackup(source: AsyncIterable<Uint8Array>): Promise<OpenBackup> {
  const entries = readEntries(source);
  const first = await entries.next();
  if (first.done === true || first.value.name !== MANIFEST) throw damaged("it does not begin as one");
  const { content } = first.value;
  const manifest = parse<BackupManifest>(content);
  if (manifest.format !== FORMAT) throw tooNew(manifest);
  const hash = createHash("sha256").update(content);
  return { manifest, parts: readParts(entries, hash) };
}

async function* readParts(
  entries: AsyncGenerator<{ name: string; content: Buffer }>,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<BackupPart> {
  let parts = 0;
  for await (const { name, content } of entries) {
    if (name === END) {
      const end = parse<{ parts: number; sha256: string }>(content);
      if (end.parts === parts && end.sha256 === hash.digest("hex")) return;
      throw damaged("its checksum is another one");
    }
    hash.update(content);
    parts++;
    const table = /^data\/([a-z_]+)\/\d+\.gz$/.exec(name)?.[1];
    if (table === undefined) throw damaged(`nobody knows what ${JSON.stringify(name.slice(0, 80))} is`);
    const rows = await expand(content, { maxOutputLength: PART_BYTES_MAX }).catch((cause: unknown) => {
      throw damaged(`${name} is not what was written`, cause);
    });
    yield { table, rows, rowCount: countRows(rows) };
  }
  throw damaged("it has no end");
}

/** A row ends with a line feed; those in values are escaped. */
function countRows(rows: Buffer): number {
  let count = 0;
  for (let at = rows.indexOf(10); at !== -1; at = rows.indexOf(10, at + 1)) count++;
  return count;
}

function parse<T>(content: Buffer): T {
  try {
    return JSON.parse(content.toString()) as T;
  } catch (cause) {
    throw damaged("what it says of itself is no JSON", cause);
  }
}

/** A later release wrote it in a way that this one does not know. */
export function tooNew({ release }: Pick<BackupManifest, "release">): PlatformError {
  return new PlatformError(
    "FailedPrecondition",
    "BACKUP_TOO_NEW",
    `The backup was written by release ${release}; restore it with that release or a later one`,
  );
}
