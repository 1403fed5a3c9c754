import type { Database } from "../database.ts";
import type { DurabilityFinding } from "../ports.ts";

type Settings = ReadonlyMap<string, string>;

interface Rule {
  readonly reason: string;
  readonly fatal: boolean;
  readonly broken: (settings: Settings) => boolean;
  readonly message: string;
}

const RULES: readonly Rule[] = [
  {
    reason: "FSYNC_OFF",
    fatal: true,
    broken: (settings) => settings.get("fsync") === "off",
    message: "fsync is off: a crash of the machine can lose everything. Set fsync = on.",
  },
  {
    reason: "SYNCHRONOUS_COMMIT_OFF",
    fatal: true,
    broken: (settings) => settings.get("synchronous_commit") === "off",
    message: "synchronous_commit is off: a crash loses runs that were acknowledged. Set synchronous_commit = on.",
  },
  {
    reason: "FULL_PAGE_WRITES_OFF",
    fatal: true,
    broken: (settings) => settings.get("full_page_writes") === "off",
    message: "full_page_writes is off: a crash of the machine can leave torn pages. Set full_page_writes = on.",
  },
  {
    reason: "STANDBY_NOT_SYNCHRONOUS",
    fatal: false,
    broken: (settings) => settings.get("standbys") !== "0" && settings.get("synchronous_standby_names") === "",
    message:
      "Standbys replicate, but synchronous_standby_names is empty: a failover loses runs that were acknowledged last.",
  },
  {
    reason: "STANDBY_COMMIT_LOCAL",
    fatal: false,
    broken: (settings) =>
      settings.get("synchronous_standby_names") !== "" && settings.get("synchronous_commit") === "local",
    message: "synchronous_commit is local: commits do not wait for the synchronous standbys that are named.",
  },
];

/** Compares the server's settings with what the promises rest on. */
export async function checkDurability(database: Database): Promise<readonly DurabilityFinding[]> {
  const rows = await database.query<{ name: string; setting: string }>(
    `SELECT name, setting FROM pg_settings
     WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'synchronous_standby_names')
     UNION ALL SELECT 'standbys', count(*)::text FROM pg_stat_replication`,
  );
  const settings = new Map(rows.map(({ name, setting }) => [name, setting]));
  return RULES.filter(({ broken }) => broken(settings)).map(({ reason, fatal, message }) => ({
    reason,
    fatal,
    message,
  }));
}
