import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { cp, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { clusterCommand, giveToServer, type PostgresCluster } from "./postgres-cluster.ts";
import { runCommand } from "./run-command.ts";

/** One session of a superuser: runs a statement and returns its rows. */
export type SuperuserSession = (text: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/** What a standby follows. */
export interface StandbyOptions {
  readonly primary: PostgresCluster;
  readonly primaryPort: number;
  /** Where the primary listens; on the loopback interface by default. */
  readonly primaryHost?: string;
  /** Addresses from which standbys may come, as `pg_hba.conf` has them; the loopback interface's by default. */
  readonly standbyAddresses?: string;
  /** A session at the primary that stays open until the standby is made. */
  readonly session: SuperuserSession;
  /** Its name: in `synchronous_standby_names`, and of its replication slot. Small letters, digits and `_`. */
  readonly name: string;
  /** Password of the role that replicates; the role is made when it is missing. */
  readonly password: string;
}

const replicationRole = "millrace_replication";
/** For how long what a standby sends to its primary may stay unanswered, its first packet too. */
const CONNECT_PATIENCE_MS = 3_000;

/** What a base backup leaves out: other processes' state, and the log, which the standby fetches itself. */
const skipped = /^(pg_wal|pg_replslot|pg_dynshmem|pg_notify|pg_serial|pg_snapshots|pg_stat_tmp|pg_subtrans)\//;
const skippedFiles =
  /^(postmaster\.(pid|opts)|\.s\.PGSQL\..*|backup_label(\.old)?|tablespace_map|standby\.signal|postgresql\.auto\.conf)$/;
const skippedAnywhere = /(^|\/)(pgsql_tmp[^/]*|pg_internal\.init[^/]*)(\/|$)/;

/**
 * Makes a streaming standby of a primary that is at work, by a base backup of its folder. What stood in the standby's own
 * folder is gone afterwards: so is an old primary made into a standby of the new one. Start it with `clusterLaunch`.
 */
export async function createStandby(standby: PostgresCluster, options: StandbyOptions): Promise<void> {
  const { session, name } = options;
  await allowReplication(options);
  await session(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '${name}'`);
  await session(`SELECT pg_create_physical_replication_slot('${name}', true)`);
  const fresh = `${standby.folder}.new`;
  await rm(fresh, { recursive: true, force: true });
  await session(`SELECT pg_backup_start('${name}', true)`);
  await copyCluster(options.primary.folder, fresh);
  const [label] = await session("SELECT labelfile FROM pg_backup_stop(false)");
  writeFileSync(join(fresh, "backup_label"), String(label?.["labelfile"]));
  writeFileSync(join(fresh, "standby.signal"), "");
  const { primaryHost = "127.0.0.1" } = options;
  const address = `host=${primaryHost} port=${options.primaryPort} user=${replicationRole} password=${options.password}`;
  // Else a connection that is begun while the network is cut is asked for ever more rarely, and every commit waits with it.
  const patience = `tcp_user_timeout=${CONNECT_PATIENCE_MS}`;
  const settings = [
    `primary_conninfo = '${address} ${patience} application_name=${name}'`,
    `primary_slot_name = '${name}'`,
    // A primary that does not answer is given up like one that is gone.
    "wal_receiver_timeout = '10s'",
  ];
  writeFileSync(join(fresh, "postgresql.auto.conf"), `${settings.join("\n")}\n`, { mode: 0o600 });
  giveToServer(fresh);
  await rm(standby.folder, { recursive: true, force: true });
  renameSync(fresh, standby.folder);
}

/** Makes a standby that runs the primary; returns when it takes writes. The old primary is nobody's concern here. */
export function promoteStandby(standby: PostgresCluster): Promise<void> {
  return runCommand(clusterCommand(standby, "pg_ctl", (data) => ["promote", "-D", data, "-w", "-t", "30"]));
}

/**
 * Names the standbys that a commit waits for, from now on; none with an empty list. With one of several missing no commit is
 * acknowledged: that is what makes any of them good for a promotion.
 */
export async function requireStandbys(session: SuperuserSession, names: readonly string[]): Promise<void> {
  const value = names.length === 0 ? "" : `ANY ${names.length} (${names.join(", ")})`;
  await session(`ALTER SYSTEM SET synchronous_standby_names = '${value}'`);
  await session("SELECT pg_reload_conf()");
}

async function allowReplication(options: StandbyOptions): Promise<void> {
  const { primary, session, password, standbyAddresses = "127.0.0.1/32" } = options;
  const roles = await session(`SELECT FROM pg_roles WHERE rolname = '${replicationRole}'`);
  if (roles.length === 0) await session(`CREATE ROLE ${replicationRole} REPLICATION LOGIN PASSWORD '${password}'`);
  const file = join(primary.folder, "pg_hba.conf");
  const line = `host replication ${replicationRole} ${standbyAddresses} scram-sha-256\n`;
  if (!readFileSync(file, "utf8").includes(line)) appendFileSync(file, line);
  await session("SELECT pg_reload_conf()");
}

async function copyCluster(from: string, to: string): Promise<void> {
  await cp(from, to, {
    recursive: true,
    filter: (source) => {
      const path = relative(from, source);
      // What goes away while it is copied (a dropped table's file) is made good by the log.
      return !skipped.test(path) && !skippedFiles.test(path) && !skippedAnywhere.test(path) && existsSync(source);
    },
  });
  for (const folder of ["pg_wal/archive_status", "pg_wal/summaries"]) mkdirSync(join(to, folder), { recursive: true });
}
