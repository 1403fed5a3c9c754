import { createHash, randomUUID } from "node:crypto";
import { PlatformError } from "@millrace/core";
import type { Database } from "../database.ts";
import { isId } from "../definitions/ids.ts";
import type { StorageGuard } from "../storage/storage.ts";
import { readContent, writePart, type ContentPart } from "./object-content.ts";
import {
  OBJECT_PART_BYTES_MAX,
  type ByteRange,
  type ObjectEnd,
  type ObjectRecord,
  type Objects,
  type ObjectWrite,
} from "./object-records.ts";
import { checkOwner, isRetained, isSettled, releaseObjects, retainObjects } from "./retainers.ts";

/** Objects on Postgres. */
export function createObjects(database: Database, storage: StorageGuard): Objects {
  const put = async (part: ContentPart): Promise<void> => {
    await storage.assertRoom(part.projectId, part.content.length);
    await writePart(database, part);
  };
  return {
    write: (write, content) => writeObject(database, write, content, put),
    writePart: put,
    finish: (end) => finishObject(database, end),
    get: (projectId, id) => getObject(database, projectId, id),
    read: (id, range) => readObject(database, id, range),
    isRetained: (owner, id) => isRetained(database, owner, id),
    findRetained: async ({ kind, id }) => {
      const [row] = await database.query<{ object_id: string }>(
        "SELECT object_id FROM object_retainers WHERE kind = $1 AND owner_id = $2 ORDER BY retain_time DESC LIMIT 1",
        [kind, id],
      );
      return row?.object_id;
    },
    retain: (projectId, owner, ids) => retainObjects(database, projectId, owner, ids),
    release: (owner, ids) => releaseObjects(database, owner, ids),
  };
}

/** One part is on its way to the database while the next one gathers. */
async function writeObject(
  database: Database,
  { projectId, id = randomUUID(), bytesMax, owner }: ObjectWrite,
  content: AsyncIterable<Uint8Array>,
  put: (part: ContentPart) => Promise<void>,
): Promise<ObjectRecord> {
  const hash = createHash("sha256");
  let size = 0;
  let writing = Promise.resolve();
  try {
    for await (const part of cutParts(content, bytesMax)) {
      hash.update(part);
      await writing;
      writing = put({ projectId, id, position: size, content: part });
      // Awaited before the next part; until then nobody else may take its failure for unhandled.
      writing.catch(() => undefined);
      size += part.length;
    }
    await writing;
  } catch (thrown) {
    await writing.catch(() => undefined);
    await discard(database, id);
    throw thrown;
  }
  return finishObject(database, { projectId, id, size, sha256: hash.digest("hex"), ...(owner && { owner }) });
}

/** Cuts content into parts of one size but for the last, and stops at the bound. */
async function* cutParts(content: AsyncIterable<Uint8Array>, bytesMax: number): AsyncIterable<Buffer> {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  let all = 0;
  for await (const piece of content) {
    all += piece.length;
    if (all > bytesMax) throw tooLarge(bytesMax);
    for (let rest = piece; rest.length > 0;) {
      const taken = rest.subarray(0, OBJECT_PART_BYTES_MAX - bytes);
      waiting.push(taken);
      bytes += taken.length;
      rest = rest.subarray(taken.length);
      if (bytes < OBJECT_PART_BYTES_MAX) continue;
      yield Buffer.concat(waiting);
      [waiting, bytes] = [[], 0];
    }
  }
  if (bytes > 0) yield Buffer.concat(waiting);
}

/** Half-written content of a writer that gave up. What it cannot remove now is collected later. */
async function discard(database: Database, id: string): Promise<void> {
  const unfinished = "SELECT FROM objects WHERE id = $1 AND size IS NULL";
  await database
    .change(`DELETE FROM object_chunks WHERE object_id = $1 AND EXISTS (${unfinished})`, [id])
    .then(() => database.change("DELETE FROM objects WHERE id = $1 AND size IS NULL", [id]))
    .catch(() => undefined);
}

interface ObjectRow {
  readonly id: string;
  readonly project_id: string;
  readonly size: number;
  readonly sha256: string;
  readonly create_time: number;
}

const COLUMNS = "id, project_id, size, encode(sha256, 'hex') AS sha256, create_time";

/** Finished and retained in one statement: nobody sees an object without its owner. */
async function finishObject(
  database: Database,
  { projectId, id, size, sha256, owner }: ObjectEnd,
): Promise<ObjectRecord> {
  if (owner) checkOwner(owner);
  const [row] = await database.query<ObjectRow>(
    `WITH finished AS (
       INSERT INTO objects AS o (id, project_id, size, sha256, unretained_time)
       SELECT $1, $2, $3::int8, decode($4, 'hex'), CASE WHEN $5::text IS NULL THEN now() END
       WHERE $3::int8 = (SELECT COALESCE(sum(length(content)), 0) FROM object_chunks WHERE object_id = $1)
       ON CONFLICT (id) DO UPDATE SET size = excluded.size, sha256 = excluded.sha256,
         unretained_time = CASE WHEN $5::text IS NULL THEN o.unretained_time END
       WHERE o.project_id = excluded.project_id AND (o.size IS NULL OR o.sha256 = excluded.sha256)
       RETURNING *
     ), retained AS (
       INSERT INTO object_retainers (kind, owner_id, object_id, settled)
       SELECT $5, $6, id, $7 FROM finished WHERE $5 IS NOT NULL
       ON CONFLICT DO NOTHING
     )
     SELECT ${COLUMNS} FROM finished`,
    [id, projectId, size, sha256, owner?.kind ?? null, owner?.id ?? null, owner ? isSettled(owner) : null],
  );
  if (row) return toRecord(row);
  const message = `object ${id} does not have the ${size} bytes that were announced, or is another one's`;
  throw new PlatformError("InvalidArgument", "OBJECT_INCOMPLETE", message);
}

async function getObject(database: Database, projectId: string, id: string): Promise<ObjectRecord> {
  const [row] = isId(id)
    ? await database.query<ObjectRow>(
        `SELECT ${COLUMNS} FROM objects WHERE id = $1 AND project_id = $2 AND size IS NOT NULL`,
        [id, projectId],
      )
    : [];
  if (!row) throw notFound(id);
  return toRecord(row);
}

async function* readObject(database: Database, id: string, range?: ByteRange): AsyncIterable<Buffer> {
  if (!isId(id)) throw notFound(id);
  const { start, end } = range ?? { start: 0, end: Number.MAX_SAFE_INTEGER };
  if (start < 0 || end < start)
    throw new PlatformError("InvalidArgument", "INVALID_RANGE", "a range ends before its start");
  yield* readContent(database, id, { start, end });
}

function toRecord({ id, project_id, size, sha256, create_time }: ObjectRow): ObjectRecord {
  return { id, projectId: project_id, size, sha256, createTimeMs: create_time };
}

function tooLarge(bytesMax: number): PlatformError {
  return new PlatformError("InvalidArgument", "OBJECT_TOO_LARGE", `the content is larger than ${bytesMax} bytes`);
}

function notFound(id: string): PlatformError {
  return new PlatformError("NotFound", "OBJECT_NOT_FOUND", `there is no object "${id.slice(0, 64)}"`);
}
