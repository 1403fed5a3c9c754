import type { AssignmentKey } from "../assignments.ts";

/** Bounds of data stores that are no settings. */
export const DATA_STORE_BOUNDS = {
  keyBytes: 1024,
  valueBytes: 1024 * 1024,
  /** Operations of one write, keys of one read. */
  operations: 1000,
  /** Records in one page, unless their bytes end it sooner. */
  page: 1000,
  pageBytes: 1024 * 1024,
  storesOfProject: 1000,
} as const;

/** A data store, with what it holds. */
export interface DataStoreRecord {
  readonly name: string;
  /** Expired ones that are not collected yet included. */
  readonly records: number;
  /** Of keys and values. */
  readonly bytes: number;
  readonly createTimeMs: number;
}

/** One key and its value: JSON text in UTF-8, as it was written. */
export interface DataStoreEntry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly expireTimeMs: number | null;
}

/** One operation of a write; checks go before the others. See `data_store_apply` and `data_store_write` in the migrations. */
export interface DataStoreOperation {
  readonly kind: "check" | "set" | "insert" | "delete" | "increment" | "append" | "expire";
  readonly key: string;
  /** JSON text; of a check what must be there, null for nothing or JSON's null. */
  readonly value: Uint8Array | null;
  /** Of an increment: a decimal number. */
  readonly amount: string | null;
  /** Seconds; null for ever, below 0 to keep the one that is there. */
  readonly ttl: number | null;
}

/** Which write of which run it is. */
export interface WriteOrigin extends AssignmentKey {
  readonly path: string;
  readonly execution: number;
  readonly number: number;
  /** SHA-256 of what was asked for. */
  readonly digest: Uint8Array;
}

/** What a page of a store shows. */
export interface DataStoreScan {
  readonly prefix: string;
  /** The last key of the page before; empty for the first page. */
  readonly after: string;
  readonly limit: number;
}

/** Some of a store's contents, in the order of the keys' bytes. */
export interface DataStorePage<Item> {
  readonly items: readonly Item[];
  /** Whether there is more behind the last one. */
  readonly more: boolean;
}

/**
 * What user code keeps between runs. A store is made when a write is the first to name it; one that is not there is empty.
 * Expired records are never seen.
 */
export interface DataStores {
  /** The stores of a project, by name. */
  list(projectId: string): Promise<DataStoreRecord[]>;
  /**
   * Writes all of it or nothing; returns what each operation brings. For a run, a second copy of the same write brings what the
   * first one did and changes nothing, and so does the same write of a step that is run again.
   *
   * Throws `DATA_STORE_CONFLICT` (a check failed), `NOT_A_NUMBER`, `NOT_A_LIST`, `VALUE_TOO_LARGE`,
   * `RESULTS_TOO_LARGE`, `STORE_FULL`, `TOO_MANY_STORES`, `ASSIGNMENT_STALE`, `OPERATION_REUSED`.
   */
  write(
    projectId: string,
    store: string,
    operations: readonly DataStoreOperation[],
    options: { readonly bytesMax: number; readonly origin?: WriteOrigin },
  ): Promise<(Uint8Array | null)[]>;
  /** Those of the keys that are there, as many as fit a page; the order is that of the keys' bytes. */
  read(projectId: string, store: string, keys: readonly string[]): Promise<DataStorePage<DataStoreEntry>>;
  /** A page of keys. */
  keys(projectId: string, store: string, scan: DataStoreScan): Promise<DataStorePage<string>>;
  /** A page of keys with values. */
  entries(projectId: string, store: string, scan: DataStoreScan): Promise<DataStorePage<DataStoreEntry>>;
  /** How many records there are. */
  count(projectId: string, store: string): Promise<number>;
  /** Removes a page of records behind a key; returns the last one's key, undefined when nothing was left. */
  clear(projectId: string, store: string, after: string, assignment?: AssignmentKey): Promise<string | undefined>;
  /** Removes a store and all that is in it; `DATA_STORE_NOT_FOUND` when there is none. */
  remove(projectId: string, store: string): Promise<void>;
}
