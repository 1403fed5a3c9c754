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
    reason: "STANDBY_MISSING",
    fatal: false,
    broken: (settings) => settings.get("servers") !== "1" && settings.get("standbys") === "0",
    message:
      "Several servers are named, and no standby follows this one: one disk holds everything. Make a standby anew.",
  },
  {
    reason: "STANDBY_QUORUM_SPLIT",
    fatal: false,
    broken: (settings) => isSplit(settings.get("synchronous_standby_names") ?? ""),
    message:
      "More standbys are named than commits wait for: after a promotion of one, the old primary could go on acknowledging with another. Wait for all of them (ANY 2 (a, b)), or name one.",
  },
  {
    reason: "STANDBY_COMMIT_LOCAL",
    fatal: true,
    broken: (settings) =>
      settings.get("synchronous_standby_names") !== "" && settings.get("synchronous_commit") === "local",
    message: "synchronous_commit is local: commits do not wait for the synchronous standbys that are named.",
  },
];

/** Whether the standbys that a commit waits for may be others than the one that is promoted. */
export function isSplit(names: string): boolean {
  if (names.trim() === "") return false;
  const [, count = "1", list = names] = /^\s*(?:FIRST|ANY)?\s*(\d+)\s*\((.*)\)\s*$/is.exec(names) ?? [];
  const standbys = list.split(",").map((name) => name.trim());
  return standbys.includes("*") || standbys.length > Number(count);
}

/** Compares the server's settings with what the promises rest on. */
export async function checkDurability(database: Database): Promise<readonly DurabilityFinding[]> {
  const rows = await database.query<{ name: string; setting: string }>(
    `SELECT name, setting FROM pg_settings
     WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'synchronous_standby_names')
     UNION ALL SELECT 'standbys', count(*)::text FROM pg_stat_replication`,
  );
  const settings = new Map(rows.map(({ name, setting }) => [name, setting]));
  settings.set("servers", String(database.serverCount));
  return RULES.filter(({ broken }) => broken(settings)).map(({ reason, fatal, message }) => ({
    reason,
    fatal,
    message,
  }));
}
