import type { Database } from "../database.ts";
import { pageSizeOf, parsePageToken, toPage } from "../definitions/paging.ts";
import type { Page } from "../definitions/workflow-records.ts";
import type { FileEntry, FileListing } from "./file-records.ts";
import { FILE_COLUMNS, toFileRecord, type FileRow } from "./file-rows.ts";

/** The character behind the slash: whatever begins with `reports/` is less than `reports0`. */
const BEHIND_SLASH = "0";
/** No path has a character like this, so nothing lies between a path and itself with this behind. */
const LOWEST = "\u0001";

/** Walks from entry to entry in the index, however much lies below a directory. */
export async function listFiles(database: Database, listing: FileListing): Promise<Page<FileEntry>> {
  const { projectId, directory, recursive } = listing;
  const size = pageSizeOf(listing);
  const last = parsePageToken(listing, (key) => key.startsWith(directory) && !key.includes("\0"));
  const from = last === undefined ? directory : behind(last);
  const end = directory === "" ? null : behind(directory);
  const rows = recursive
    ? await listBelow(database, projectId, { from, end }, size + 1)
    : await listEntries(database, projectId, directory, { from, end }, size + 1);
  const entries = rows.map((row): FileEntry => (row.object_id === null ? { directory: row.path } : toFileRecord(row)));
  return toPage(entries, size, (entry) => ("directory" in entry ? entry.directory : entry.path));
}

interface Bounds {
  readonly from: string;
  readonly end: string | null;
}

type EntryRow = FileRow | { readonly path: string; readonly object_id: null };

function behind(key: string): string {
  return key.endsWith("/") ? `${key.slice(0, -1)}${BEHIND_SLASH}` : `${key}${LOWEST}`;
}

function listBelow(database: Database, projectId: string, { from, end }: Bounds, limit: number): Promise<FileRow[]> {
  return database.query<FileRow>(
    `SELECT ${FILE_COLUMNS} FROM files WHERE project_id = $1 AND path >= $2 AND ($3::text IS NULL OR path < $3)
     ORDER BY path LIMIT $4`,
    [projectId, from, end, limit],
  );
}

/** A directory is what the first file below it says; the walk goes on behind all of it. */
function listEntries(
  database: Database,
  projectId: string,
  directory: string,
  { from, end }: Bounds,
  limit: number,
): Promise<EntryRow[]> {
  const next = (start: string): string => `
    SELECT path, strpos(substr(path, length($2) + 1), '/') AS slash FROM files
    WHERE project_id = $1 AND path >= ${start} AND ($4::text IS NULL OR path < $4) ORDER BY path LIMIT 1`;
  return database.query<EntryRow>(
    `WITH RECURSIVE walk AS (
       (${next("$3")})
       UNION ALL
       SELECT following.* FROM walk, LATERAL (${next(
         `CASE WHEN walk.slash > 0 THEN left(walk.path, length($2) + walk.slash - 1) || '${BEHIND_SLASH}'
          ELSE walk.path || chr(1) END`,
       )}) following
     )
     SELECT CASE WHEN walk.slash > 0 THEN left(walk.path, length($2) + walk.slash) ELSE walk.path END AS path,
       f.object_id, f.size, f.content_type, f.create_time, f.update_time
     FROM walk LEFT JOIN files f ON walk.slash = 0 AND f.project_id = $1 AND f.path = walk.path
     LIMIT $5`,
    [projectId, directory, from, end, limit],
  );
}
