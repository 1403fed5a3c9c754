import { createAccounts } from "./accounts/accounts.ts";
import { createApps } from "./accounts/apps.ts";
import type { Accounts, Apps } from "./accounts/account-records.ts";
import { createDataStores } from "./data-stores/data-stores.ts";
import type { DataStores } from "./data-stores/data-store-records.ts";
import { Primary } from "./connection/primary.ts";
import { createAssignments, type Assignments } from "./assignments.ts";
import { Database } from "./database.ts";
import { createApiKeys } from "./definitions/api-keys.ts";
import { createProjects } from "./definitions/projects.ts";
import { createUses, type Uses } from "./definitions/uses.ts";
import { createVariables } from "./definitions/variables.ts";
import { createWorkflows } from "./definitions/workflows.ts";
import { createDeadLetters, type DeadLetters } from "./runs/dead-letters.ts";
import { createLogs } from "./runs/logs.ts";
import { createRuns } from "./runs/runs.ts";
import { createRetentions, type Retentions } from "./housekeeping/retention.ts";
import { PostgresStorage, type Storage } from "./storage/storage.ts";
import type { ApiKeys, Projects, Variables } from "./definitions/project-records.ts";
import type { Workflows } from "./definitions/workflow-records.ts";
import type { Objects } from "./objects/object-records.ts";
import { createFiles } from "./files/files.ts";
import type { Files } from "./files/file-records.ts";
import { createObjects } from "./objects/objects.ts";
import { createHousekeeping } from "./housekeeping/housekeeping.ts";
import { createSeries } from "./series/series.ts";
import type { Series } from "./series/series-records.ts";
import { checkSchema } from "./schema-check.ts";
import { createPartitions } from "./partitions.ts";
import type { Housekeeping, Partitions } from "./ports.ts";
import type { Drafts } from "./drafts/draft-records.ts";
import { createDrafts } from "./drafts/drafts.ts";
import type { Sessions, Users } from "./people/people-records.ts";
import { createSessions } from "./people/sessions.ts";
import { createUsers } from "./people/users.ts";
import type { Logs, Runs } from "./runs/run-records.ts";
import { createRunnerIdentities, type RunnerIdentities } from "./runner-identities.ts";
import { createSecrets, type Secrets } from "./secrets/secrets.ts";
import { closedVault, type Vault } from "./secrets/vault.ts";

/** How to reach the record. */
export interface StoreOptions {
  /**
   * `postgres://…`, straight to the server: the record uses settings of a session. Several servers are separated by commas;
   * the one that is the primary is used.
   */
  readonly url: string;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName?: string;
  /** Most connections at the same time; default 8. */
  readonly connectionsMax?: number;
  /** A statement that takes longer is given up; default 10,000 ms. */
  readonly statementTimeoutMs?: number;
  /** Opens secrets; a process without it cannot read or write them. */
  readonly vault?: Vault;
  /** Most bytes that a project stores beside its runs; no bound when left out. */
  readonly storageBytesMax?: number;
}

/** The record, for reading and for all writing but that of run state. */
export interface Store {
  readonly projects: Projects;
  readonly apiKeys: ApiKeys;
  readonly users: Users;
  readonly drafts: Drafts;
  readonly sessions: Sessions;
  readonly workflows: Workflows;
  readonly variables: Variables;
  readonly uses: Uses;
  readonly accounts: Accounts;
  readonly apps: Apps;
  readonly secrets: Secrets;
  readonly dataStores: DataStores;
  readonly runs: Runs;
  readonly assignments: Assignments;
  readonly deadLetters: DeadLetters;
  readonly logs: Logs;
  readonly objects: Objects;
  readonly storage: Storage;
  readonly retentions: Retentions;
  readonly files: Files;
  readonly runnerIdentities: RunnerIdentities;
  readonly partitions: Partitions;
  readonly housekeeping: Housekeeping;
  readonly series: Series;
  /** Which server all of it is read from and written to. */
  readonly primary: Primary;
  /** Throws `DATABASE_UNAVAILABLE`; for health checks. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

const CONNECTIONS_DEFAULT = 8;
const STATEMENT_TIMEOUT_DEFAULT_MS = 10_000;

/** Connects and checks that the schema is one that this release knows (`SCHEMA_TOO_NEW`, `SCHEMA_TOO_OLD`). */
export async function openStore(options: StoreOptions): Promise<Store> {
  const primary = new Primary(options.url);
  const database = new Database({
    primary,
    applicationName: options.applicationName ?? "millrace",
    connectionsMax: options.connectionsMax ?? CONNECTIONS_DEFAULT,
    statementTimeoutMs: options.statementTimeoutMs ?? STATEMENT_TIMEOUT_DEFAULT_MS,
  });
  try {
    await database.withClient(checkSchema);
  } catch (thrown) {
    await database.close();
    throw thrown;
  }
  const vault = options.vault ?? closedVault;
  const storage = new PostgresStorage(database, options.storageBytesMax);
  return {
    projects: createProjects(database),
    apiKeys: createApiKeys(database),
    users: createUsers(database),
    drafts: createDrafts(database),
    sessions: createSessions(database),
    workflows: createWorkflows(database),
    variables: createVariables(database, vault),
    uses: createUses(database),
    accounts: createAccounts(database, vault),
    apps: createApps(database, vault),
    secrets: createSecrets(database, vault),
    dataStores: createDataStores(database, storage),
    runs: createRuns(database),
    assignments: createAssignments(database),
    deadLetters: createDeadLetters(database),
    logs: createLogs(database),
    objects: createObjects(database, storage),
    storage,
    retentions: createRetentions(database),
    files: createFiles(database),
    runnerIdentities: createRunnerIdentities(database),
    partitions: createPartitions(database),
    housekeeping: createHousekeeping(database),
    series: createSeries(database),
    primary,
    ping: async () => void (await database.query("SELECT 1")),
    close: () => database.close(),
  };
}
