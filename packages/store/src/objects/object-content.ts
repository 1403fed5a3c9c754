/**
 * Contents in Postgres: rows of up to 512 KiB.
 *
 * Measured on two shared cores, Postgres 18, 50 MiB of noise, one connection, MiB/s written: rows of 64 KiB 60, 256 KiB
 * 123, 512 KiB 139, 1 MiB 81, 2 MiB 78, 4 MiB 77; read some 100 with all from 256 KiB on. And 512 KiB is a message that any
 * NATS server takes.
 */
import { PlatformError } from "@millrace/core";
import type { Database } from "../database.ts";
import { OBJECT_PART_BYTES_MAX, type ByteRange } from "./object-records.ts";

/** Rows of one read: what a slow reader holds. */
const ROWS_PER_READ = 4;

/** One part of a content that is being written. */
export interface ContentPart {
  readonly projectId: string;
  readonly id: string;
  readonly position: number;
  readonly content: Uint8Array;
}

/**
 * Makes the object when this is its first part. A part of an object that is finished, or another project's, is left out:
 * content never changes, and `finish` tells.
 */
export async function writePart(database: Database, { projectId, id, position, content }: ContentPart): Promise<void> {
  if (content.length > OBJECT_PART_BYTES_MAX || content.length === 0) {
    const message = `a part has 1 to ${OBJECT_PART_BYTES_MAX} bytes, not ${content.length}`;
    throw new PlatformError("InvalidArgument", "INVALID_PART", message);
  }
  await database.change(
    `WITH made AS (
       INSERT INTO objects (id, project_id) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING
     ), alive AS (
       UPDATE objects SET unretained_time = now() WHERE id = $1 AND unretained_time < now() - interval '5 minutes'
     )
     INSERT INTO object_chunks (object_id, position, content) SELECT $1, $3::int8, $4
     WHERE NOT EXISTS (SELECT FROM objects WHERE id = $1 AND (project_id <> $2 OR size IS NOT NULL))
     ON CONFLICT DO NOTHING`,
    [id, projectId, position, Buffer.from(content.buffer, content.byteOffset, content.byteLength)],
  );
}

interface ChunkRow {
  readonly size: number;
  readonly position: number;
  readonly content: Buffer;
}

/** Reads a range of a finished object, a few rows at a time; no connection is held between them. */
export async function* readContent(database: Database, id: string, range: ByteRange): AsyncIterable<Buffer> {
  let { start: at, end } = range;
  while (at < end) {
    const rows = await readRows(database, id, at, end);
    if (rows.length === 0 && (await isBehind(database, id, at))) return;
    const before = at;
    for (const { size, position, content } of rows) {
      end = Math.min(end, size);
      if (position > at || position + content.length <= at) break;
      const piece = content.subarray(at - position, end - position);
      at += piece.length;
      yield piece;
    }
    if (at === before) throw contentGone(id);
  }
}

function readRows(database: Database, id: string, at: number, end: number): Promise<ChunkRow[]> {
  return database.query<ChunkRow>(
    `SELECT o.size, c.position, c.content FROM objects o JOIN object_chunks c ON c.object_id = o.id
     WHERE o.id = $1 AND o.size IS NOT NULL
       AND c.position > $2::int8 - ${OBJECT_PART_BYTES_MAX} AND c.position < $3::int8
       AND c.position + length(c.content) > $2::int8
     ORDER BY c.position LIMIT ${ROWS_PER_READ}`,
    [id, at, end],
  );
}

/** True when the object has no bytes from there on. Throws `OBJECT_NOT_FOUND` when there is none. */
async function isBehind(database: Database, id: string, at: number): Promise<boolean> {
  const [row] = await database.query<{ size: number }>("SELECT size FROM objects WHERE id = $1 AND size IS NOT NULL", [
    id,
  ]);
  if (!row) throw contentGone(id);
  return at >= row.size;
}

function contentGone(id: string): PlatformError {
  return new PlatformError("NotFound", "OBJECT_NOT_FOUND", `there is no object "${id}", or its content is gone`);
}
