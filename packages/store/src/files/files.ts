import { PlatformError } from "@millrace/core";
import { sql, type Kysely } from "kysely";
import { assertCurrentAssignment } from "../assignments.ts";
import type { Database } from "../database.ts";
import { isId } from "../definitions/ids.ts";
import type { Tables } from "../tables.ts";
import type { FileBounds, FileRecord, Files, FileWrite } from "./file-records.ts";
import { FILE_COLUMNS, toFileRecord, type FileRow } from "./file-rows.ts";
import { listFiles } from "./list-files.ts";

/** File stores on Postgres. */
export function createFiles(database: Database): Files {
  return {
    get: (projectId, path) => getFile(database, projectId, path),
    list: (listing) => listFiles(database, listing),
    listWritten: (projectId, runId, limit) => listWritten(database, projectId, runId, limit),
    save: (write, by) =>
      database.transaction(async (transaction) => {
        const saved = await saveFile(transaction, write, by?.runId);
        if (by) await assertCurrentAssignment(transaction, by);
        return saved;
      }),
    delete: (projectId, path, by) =>
      database.transaction(async (transaction) => {
        const isDeleted = await deleteFile(transaction, projectId, path);
        if (by) await assertCurrentAssignment(transaction, by);
        return isDeleted;
      }),
  };
}

type Transaction = Kysely<Tables>;
type SavedRow = FileRow & { readonly id: string };

async function getFile(database: Database, projectId: string, path: string): Promise<FileRecord> {
  const [row] = await database.query<FileRow>(`SELECT ${FILE_COLUMNS} FROM files WHERE project_id = $1 AND path = $2`, [
    projectId,
    path,
  ]);
  if (row) return toFileRecord(row);
  throw new PlatformError("NotFound", "FILE_NOT_FOUND", `there is no file "${path}"`, { metadata: { path } });
}

/** An older release writes a file without saying so: then its object is another one. */
async function listWritten(
  database: Database,
  projectId: string,
  runId: string,
  limit: number,
): Promise<readonly FileRecord[]> {
  const rows = await database.query<FileRow>(
    `SELECT ${FILE_COLUMNS} FROM files WHERE writer_run_id = $1 AND project_id = $2 AND writer_object_id = object_id
     ORDER BY path LIMIT $3`,
    [runId, projectId, limit],
  );
  return rows.map(toFileRecord);
}

interface Usage {
  readonly files: number;
  readonly bytes: number;
}

/** Puts the changes of one project in an order: the row stays locked. */
async function lockUsage(transaction: Transaction, projectId: string): Promise<Usage> {
  const { rows } = await sql<Usage>`
    INSERT INTO file_usage AS u (project_id, files, bytes) VALUES (${projectId}, 0, 0)
    ON CONFLICT (project_id) DO UPDATE SET files = u.files RETURNING files, bytes`.execute(transaction);
  return rows[0]!;
}

async function saveFile(transaction: Transaction, write: FileWrite, runId?: string): Promise<FileRecord> {
  const { projectId, path, objectId, bounds } = write;
  const usage = await lockUsage(transaction, projectId);
  const { rows } = await sql<SavedRow>`
    SELECT id, ${sql.raw(FILE_COLUMNS)} FROM files WHERE project_id = ${projectId} AND path = ${path}`.execute(
    transaction,
  );
  const old = rows[0];
  if (old?.object_id === objectId) return toFileRecord(old);
  const size = await lockObjects(transaction, projectId, objectId, old?.object_id);
  const now = { files: usage.files + (old ? 0 : 1), bytes: usage.bytes + size - (old?.size ?? 0) };
  checkBounds(now, usage, bounds);
  const saved = await upsert(transaction, write, size, runId ?? null);
  await retain(transaction, saved.id, objectId);
  if (old) await release(transaction, old.id, old.object_id);
  await setUsage(transaction, projectId, now);
  return toFileRecord(saved);
}

async function upsert(
  transaction: Transaction,
  write: FileWrite,
  size: number,
  runId: string | null,
): Promise<SavedRow> {
  const { projectId, path, objectId, contentType } = write;
  const { rows } = await sql<SavedRow>`
    INSERT INTO files (project_id, path, object_id, size, content_type, writer_run_id, writer_object_id)
    VALUES (${projectId}, ${path}, ${objectId}, ${size}, ${contentType}, ${runId}, ${runId === null ? null : objectId})
    ON CONFLICT (project_id, path) DO UPDATE
    SET object_id = excluded.object_id, size = excluded.size, content_type = excluded.content_type, update_time = now(),
      writer_run_id = excluded.writer_run_id, writer_object_id = excluded.writer_object_id
    RETURNING id, ${sql.raw(FILE_COLUMNS)}`.execute(transaction);
  return rows[0]!;
}

async function deleteFile(transaction: Transaction, projectId: string, path: string): Promise<boolean> {
  const usage = await lockUsage(transaction, projectId);
  const { rows } = await sql<{ id: string; object_id: string; size: number }>`
    DELETE FROM files WHERE project_id = ${projectId} AND path = ${path} RETURNING id, object_id, size`.execute(
    transaction,
  );
  const old = rows[0];
  if (!old) return false;
  await sql`SELECT FROM objects WHERE id = ${old.object_id} FOR UPDATE`.execute(transaction);
  await release(transaction, old.id, old.object_id);
  await setUsage(transaction, projectId, { files: usage.files - 1, bytes: usage.bytes - old.size });
  return true;
}

/** Locks the new content and the old one, in the order of their ids as everybody does; returns the size of the new one. */
async function lockObjects(
  transaction: Transaction,
  projectId: string,
  objectId: string,
  oldId: string | undefined,
): Promise<number> {
  const ids = [objectId, oldId].filter((id) => id !== undefined && isId(id));
  const { rows } = await sql<{ id: string; size: number | null }>`
    SELECT id, size FROM objects WHERE id = ANY (${ids}::uuid[]) AND project_id = ${projectId}
    ORDER BY id FOR UPDATE`.execute(transaction);
  const size = rows.find(({ id }) => id === objectId)?.size ?? undefined;
  if (size !== undefined) return size;
  throw new PlatformError("NotFound", "OBJECT_NOT_FOUND", "the content of the file is not there");
}

/** A store that is too full may still shrink. */
function checkBounds(now: Usage, before: Usage, { bytesMax, filesMax }: FileBounds): void {
  const full = (what: string) =>
    new PlatformError("ResourceExhausted", "FILE_STORE_FULL", `the project's file store would have ${what}`);
  if (now.bytes > bytesMax && now.bytes > before.bytes) throw full(`${now.bytes} bytes, more than ${bytesMax}`);
  if (now.files > filesMax && now.files > before.files) throw full(`${now.files} files, more than ${filesMax}`);
}

async function retain(transaction: Transaction, fileId: string, objectId: string): Promise<void> {
  await sql`INSERT INTO object_retainers (kind, owner_id, object_id, settled)
    VALUES ('file', ${fileId}, ${objectId}, true) ON CONFLICT DO NOTHING`.execute(transaction);
  await sql`UPDATE objects SET unretained_time = NULL WHERE id = ${objectId}`.execute(transaction);
}

async function release(transaction: Transaction, fileId: string, objectId: string): Promise<void> {
  await sql`DELETE FROM object_retainers WHERE kind = 'file' AND owner_id = ${fileId} AND object_id = ${objectId}`.execute(
    transaction,
  );
  await sql`UPDATE objects SET unretained_time = now() WHERE id = ${objectId}
    AND NOT EXISTS (SELECT FROM object_retainers WHERE object_id = ${objectId})`.execute(transaction);
}

async function setUsage(transaction: Transaction, projectId: string, { files, bytes }: Usage): Promise<void> {
  await sql`UPDATE file_usage SET files = ${files}, bytes = ${bytes} WHERE project_id = ${projectId}`.execute(
    transaction,
  );
}
