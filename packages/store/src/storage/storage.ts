/** What a project stores beside its runs, and how much it may. */
import { PlatformError } from "@millrace/core";
import type { Database } from "../database.ts";

/** Bytes of a project by what they are. */
export interface StorageUsage {
  /** Large values, uploads, files, saved `/tmp`; unfinished ones too. */
  readonly objectBytes: number;
  readonly dataStoreBytes: number;
  /** Large results of data store writes that are remembered until their runs end. */
  readonly rememberedBytes: number;
  readonly totalBytes: number;
  readonly limitBytes: number;
}

/** The account of what projects store. */
export interface Storage {
  usage(projectId: string): Promise<StorageUsage>;
  /** Sets a project's own limit, which the house's bounds; null for the house's. */
  setLimit(projectId: string, bytes: number | null): Promise<void>;
}

/** Asked before something is stored. */
export interface StorageGuard {
  /**
   * Throws `STORAGE_FULL` when the project has no room for so many bytes. Who writes much is asked about again and again, and what
   * several processes write within `KNOWN_MS` may go beyond the limit.
   */
  assertRoom(projectId: string, bytes: number): Promise<void>;
}

/** How long a process relies on what it has read, less what it has written itself since. */
const KNOWN_MS = 2_000;
const PROJECTS_MAX = 1_000;
const MIB = 1024 ** 2;

interface UsageRow {
  readonly objects: number;
  readonly stores: number;
  readonly remembered: number;
  readonly limit: number | null;
}

const USAGE = `SELECT COALESCE(sum(object_bytes), 0)::int8 AS objects, COALESCE(sum(remembered_bytes), 0)::int8 AS remembered,
  (SELECT COALESCE(sum(s.bytes), 0)::int8 FROM data_stores d JOIN data_store_sizes s ON s.store_id = d.id
   WHERE d.project_id = $1) AS stores,
  (SELECT storage_bytes_max FROM projects WHERE id = $1) AS limit
  FROM storage_usage WHERE project_id = $1`;

/** The account on Postgres; `houseMax` bounds every project, undefined where nothing is stored. */
export class PostgresStorage implements Storage, StorageGuard {
  readonly #database: Database;
  readonly #houseMax: number;
  readonly #rooms = new Map<string, { bytes: number; untilMs: number }>();

  constructor(database: Database, houseMax = Number.MAX_SAFE_INTEGER) {
    this.#database = database;
    this.#houseMax = houseMax;
  }

  async usage(projectId: string): Promise<StorageUsage> {
    const [row] = await this.#database.query<UsageRow>(USAGE, [projectId]);
    const { objects, stores, remembered, limit } = row!;
    return {
      objectBytes: Math.max(0, objects),
      dataStoreBytes: Math.max(0, stores),
      rememberedBytes: Math.max(0, remembered),
      totalBytes: Math.max(0, objects) + Math.max(0, stores) + Math.max(0, remembered),
      limitBytes: Math.min(limit ?? this.#houseMax, this.#houseMax),
    };
  }

  async setLimit(projectId: string, bytes: number | null): Promise<void> {
    await this.#database.change("UPDATE projects SET storage_bytes_max = $2 WHERE id = $1", [projectId, bytes]);
    this.#rooms.delete(projectId);
  }

  async assertRoom(projectId: string, bytes: number): Promise<void> {
    const known = this.#rooms.get(projectId);
    const isFresh = known !== undefined && known.untilMs > performance.now();
    const room = isFresh && known.bytes >= bytes ? known : await this.#readRoom(projectId, bytes);
    room.bytes -= bytes;
  }

  async #readRoom(projectId: string, wanted: number): Promise<{ bytes: number; untilMs: number }> {
    const { totalBytes, limitBytes } = await this.usage(projectId);
    const room = { bytes: limitBytes - totalBytes, untilMs: performance.now() + KNOWN_MS };
    if (room.bytes < wanted) throw storageFull(totalBytes, limitBytes);
    this.#rooms.delete(projectId);
    this.#rooms.set(projectId, room);
    if (this.#rooms.size > PROJECTS_MAX) this.#rooms.delete(this.#rooms.keys().next().value!);
    return room;
  }
}

function storageFull(has: number, may: number): PlatformError {
  const [has_, may_] = [has, may].map((bytes) => `${(bytes / MIB).toFixed(1)} MiB`);
  const message = `the project stores ${has_} of the ${may_} that it may, in large values, files and data stores`;
  return new PlatformError("ResourceExhausted", "STORAGE_FULL", message);
}

/**
 * Puts right what the counters have missed. Content and counters change in the same transactions, so one snapshot of both tells the
 * difference, whoever writes meanwhile. Sizes of content are told by its rows, without reading it.
 */
export function recountStorage(database: Database): Promise<number> {
  return database.change(
    `INSERT INTO storage_usage AS u (project_id, part, object_bytes, remembered_bytes)
     SELECT project_id, 0, sum(objects)::int8, sum(remembered)::int8 FROM (
       SELECT o.project_id, sum(octet_length(c.content)) AS objects, 0 AS remembered
       FROM objects o JOIN object_chunks c ON c.object_id = o.id GROUP BY o.project_id
       UNION ALL
       SELECT project_id, 0, sum(remembered_bytes) FROM data_store_operations WHERE remembered_bytes > 0 GROUP BY project_id
       UNION ALL
       SELECT project_id, -sum(object_bytes), -sum(remembered_bytes) FROM storage_usage GROUP BY project_id
     ) d GROUP BY project_id HAVING sum(objects) <> 0 OR sum(remembered) <> 0 ORDER BY project_id
     ON CONFLICT (project_id, part) DO UPDATE SET object_bytes = u.object_bytes + excluded.object_bytes,
       remembered_bytes = u.remembered_bytes + excluded.remembered_bytes`,
  );
}
