import type { AssignmentKey } from "../assignments.ts";
import type { Page, PageRequest } from "../definitions/workflow-records.ts";

/** A file of a project's file store. */
export interface FileRecord {
  readonly path: string;
  /** Of the content that it has now. */
  readonly objectId: string;
  readonly size: number;
  readonly contentType: string;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** An entry of a directory: a file, or a directory by its path, which ends with a slash. */
export type FileEntry = FileRecord | { readonly directory: string };

/** A file as it shall be. */
export interface FileWrite {
  readonly projectId: string;
  /** As `parseFilePath` gives it. */
  readonly path: string;
  /** A finished object of the same project. */
  readonly objectId: string;
  readonly contentType: string;
  /** What the project's files may take together. */
  readonly bounds: FileBounds;
}

/** Bounds of one project's file store. */
export interface FileBounds {
  readonly bytesMax: number;
  readonly filesMax: number;
}

/** What to list. */
export interface FileListing extends PageRequest {
  readonly projectId: string;
  /** As `parseDirectoryPath` gives it. */
  readonly directory: string;
  /** True for all files below it, without directories. */
  readonly recursive: boolean;
}

/** The file stores of projects. What a run changes is refused with `ASSIGNMENT_STALE` once the run has gone elsewhere. */
export interface Files {
  /** `FILE_NOT_FOUND`. */
  get(projectId: string, path: string): Promise<FileRecord>;
  /** Ordered by path, by bytes. */
  list(listing: FileListing): Promise<Page<FileEntry>>;
  /** What a run has written and nobody has written or deleted since, ordered by path; at most so many. */
  listWritten(projectId: string, runId: string, limit: number): Promise<readonly FileRecord[]>;
  /**
   * Creates or replaces a file; readers see the old content or the new one. Repeating it is harmless. Throws
   * `OBJECT_NOT_FOUND`, `FILE_STORE_FULL`.
   */
  save(write: FileWrite, by?: AssignmentKey): Promise<FileRecord>;
  /** False when there was none. */
  delete(projectId: string, path: string, by?: AssignmentKey): Promise<boolean>;
}
