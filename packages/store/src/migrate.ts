import { PlatformError } from "@millrace/core";

/** What `migrate` is told. */
export interface MigrateOptions {
  /** Partitions of a house that is created now; default 256, fixed from then on. */
  readonly partitionCount?: number;
}

/** Brings a database to this release's schema. Several processes may do it at the same time; a newer schema is refused. */
export async function migrate(url: string, _options: MigrateOptions = {}): Promise<void> {
  throw new PlatformError("Unavailable", "DATABASE_UNAVAILABLE", `${url} is not open yet`);
}
