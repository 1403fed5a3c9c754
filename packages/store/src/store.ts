import { PlatformError } from "@millrace/core";
import type { ApiKeys, Projects, Variables } from "./definitions/project-records.ts";
import type { Workflows } from "./definitions/workflow-records.ts";
import type { Housekeeping, Partitions } from "./ports.ts";
import type { Logs, Runs } from "./runs/run-records.ts";

/** How to reach the record. */
export interface StoreOptions {
  /** `postgres://…`, straight to the server: the record uses settings of a session. */
  readonly url: string;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName?: string;
  /** Most connections at the same time; default 8. */
  readonly connectionsMax?: number;
  /** A statement that takes longer is given up; default 10,000 ms. */
  readonly statementTimeoutMs?: number;
}

/** The record, for reading and for all writing but that of run state. */
export interface Store {
  readonly projects: Projects;
  readonly apiKeys: ApiKeys;
  readonly workflows: Workflows;
  readonly variables: Variables;
  readonly runs: Runs;
  readonly logs: Logs;
  readonly partitions: Partitions;
  readonly housekeeping: Housekeeping;
  /** Throws `DATABASE_UNAVAILABLE`; for health checks. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Connects and checks that the schema is one that this release knows (`SCHEMA_TOO_NEW`, `SCHEMA_TOO_OLD`). */
export async function openStore(options: StoreOptions): Promise<Store> {
  throw new PlatformError("Unavailable", "DATABASE_UNAVAILABLE", `${options.url} is not open yet`);
}
