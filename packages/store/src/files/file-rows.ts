import type { FileRecord } from "./file-records.ts";

/** A row as queries give it. */
export interface FileRow {
  readonly path: string;
  readonly object_id: string;
  readonly size: number;
  readonly content_type: string;
  readonly create_time: number;
  readonly update_time: number;
}

/** Of the table `files`. */
export const FILE_COLUMNS = "path, object_id, size, content_type, create_time, update_time";

/** A row as the record tells it. */
export function toFileRecord(row: FileRow): FileRecord {
  return {
    path: row.path,
    objectId: row.object_id,
    size: row.size,
    contentType: row.content_type,
    createTimeMs: row.create_time,
    updateTimeMs: row.update_time,
  };
}
