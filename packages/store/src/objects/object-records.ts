/** What keeps an object: a run (its payloads), what a run had in `/tmp`, a long-term file, an upload, tests of a draft (`/tmp`). */
export type ObjectOwnerKind = "run" | "tmp" | "file" | "upload" | "test";

/** Who keeps an object. What a run keeps is given up with the run's history, what its `/tmp` was with its end. */
export interface ObjectOwner {
  readonly kind: ObjectOwnerKind;
  /** Id of the run, the file, the upload or the draft. */
  readonly id: string;
}

/** An object whose content is whole; it never changes. */
export interface ObjectRecord {
  readonly id: string;
  readonly projectId: string;
  readonly size: number;
  /** Of the content, in hex. */
  readonly sha256: string;
  readonly createTimeMs: number;
}

/** What to write, and for whom. */
export interface ObjectWrite {
  readonly projectId: string;
  /** Chosen by the writer, so that a repeat is harmless; default: a new one. */
  readonly id?: string;
  /** Content beyond this is refused with `OBJECT_TOO_LARGE`, and nothing of it stays. */
  readonly bytesMax: number;
  /** Retains the object from its first moment; without one it is collected unless somebody retains it soon. */
  readonly owner?: ObjectOwner;
}

/** Bytes of a content: from `start` up to but without `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** The whole of a content that was written in parts. */
export interface ObjectEnd {
  readonly projectId: string;
  readonly id: string;
  readonly size: number;
  /** In hex. */
  readonly sha256: string;
  readonly owner?: ObjectOwner;
}

/**
 * Content too large for a row or a message. It is durable before anything names it, counted by who retains it, and removed
 * some time after nobody does. Another storage may stand behind the same methods.
 */
export interface Objects {
  /** Writes content as it comes, with bounded memory. Throws `OBJECT_TOO_LARGE`, and whatever the content throws. */
  write(write: ObjectWrite, content: AsyncIterable<Uint8Array>): Promise<ObjectRecord>;
  /** Writes one part, of at most `OBJECT_PART_BYTES_MAX`; repeating it is harmless. Whoever writes parts ends with `finish`. */
  writePart(part: { projectId: string; id: string; position: number; content: Uint8Array }): Promise<void>;
  /** All parts are written: from now on it can be read. Repeating it is harmless. Throws `OBJECT_INCOMPLETE`. */
  finish(end: ObjectEnd): Promise<ObjectRecord>;
  /** `OBJECT_NOT_FOUND`, also for another project's. */
  get(projectId: string, id: string): Promise<ObjectRecord>;
  /** The content, or a range of it, in pieces as they come from the storage. Throws `OBJECT_NOT_FOUND`. */
  read(id: string, range?: ByteRange): AsyncIterable<Buffer>;
  /** True when this owner retains the object: what it may read without knowing more. */
  isRetained(owner: ObjectOwner, id: string): Promise<boolean>;
  /** The object that an owner of one retained last; undefined for none. */
  findRetained(owner: ObjectOwner): Promise<string | undefined>;
  /** Retains objects of a project for one more owner; all or nothing. Throws `OBJECT_NOT_FOUND`. */
  retain(projectId: string, owner: ObjectOwner, ids: readonly string[]): Promise<void>;
  /** An owner gives up these objects, or all that it has. */
  release(owner: ObjectOwner, ids?: readonly string[]): Promise<void>;
}

/** Largest part of `Objects.writePart`. */
export const OBJECT_PART_BYTES_MAX = 512 * 1024;
