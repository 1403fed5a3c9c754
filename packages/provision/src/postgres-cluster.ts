import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { PlatformError } from "@millrace/core";
import { mountPoint, type Launch, type Mount } from "./launch.ts";
import { runCommand } from "./run-command.ts";

// Postgres refuses to run as root. This id belongs to no account: below the ranges that newuidmap and containers hand
// out (100000 and up), above those of accounts and services.
const serverUid = 70_432;
// initdb and single-user mode look their user up by id, so they need one with a name; the files change hands after.
const namedUid = 65_534;

/** A Postgres data folder and how the server is run on it. */
export interface PostgresCluster {
  /** The data folder as this process sees it. */
  readonly folder: string;
  /** The folder above Postgres' `bin`, `lib` and `share`. */
  readonly postgres: string;
}

/** What a new cluster holds. */
export interface ClusterContent {
  /** Name of the one role that can log in, and of the database it owns. */
  readonly role: string;
  readonly password: string;
  /** Whether the role may do everything; for tests that create databases. */
  readonly superuser: boolean;
}

/** How a command sees a cluster: as it is, or through mounts when its uid cannot walk to it. */
interface View {
  readonly data: string;
  readonly postgres: string;
  readonly mounts: readonly Mount[];
}

/**
 * Creates the cluster unless it is there. A half-made one, of a set-up that was killed, is thrown away and made anew:
 * only the last rename makes a cluster.
 */
export async function createCluster(cluster: PostgresCluster, content: ClusterContent): Promise<void> {
  if (existsSync(join(cluster.folder, "PG_VERSION"))) {
    openSocket(cluster, content);
    return;
  }
  const fresh = { ...cluster, folder: `${cluster.folder}.new` };
  rmSync(fresh.folder, { recursive: true, force: true });
  mkdirSync(fresh.folder, { mode: 0o700, recursive: true });
  giveTo(fresh.folder, namedUid);
  const options = ["--username=postgres", "--no-locale", "--encoding=UTF8", "--auth=reject", "--no-instructions"];
  await runCommand(launch(fresh, namedUid, "initdb", (view) => [...options, `--pgdata=${view.data}`]));
  await runCommand(
    launch(fresh, namedUid, "postgres", (view) => ["--single", "-D", view.data, "template1"]),
    roleSql(content),
  );
  writeFileSync(join(fresh.folder, "pg_hba.conf"), `host all ${content.role} 127.0.0.1/32 scram-sha-256\n`);
  openSocket(fresh, content);
  giveTo(fresh.folder, serverUid);
  renameSync(fresh.folder, cluster.folder);
}

/** Lets the role in by the socket, too, with its password: nobody gets in by being some user of the machine. */
function openSocket({ folder }: PostgresCluster, { role }: ClusterContent): void {
  const file = join(folder, "pg_hba.conf");
  const line = `local all ${role} scram-sha-256\n`;
  const lines = readFileSync(file, "utf8");
  if (!lines.includes(line)) writeFileSync(file, line + lines);
}

// Single-user mode takes one statement a line.
function roleSql(content: ClusterContent): string {
  const kind = content.superuser ? "SUPERUSER" : "NOSUPERUSER";
  return (
    `CREATE ROLE "${content.role}" LOGIN ${kind} PASSWORD '${content.password}';\n` +
    `CREATE DATABASE "${content.role}" OWNER "${content.role}";\n`
  );
}

/** The address of a socket holds 108 bytes, with its end (unix(7)). */
const socketPathMax = 107;

/**
 * Where a cluster's server listens beside its port: a client's side of a query then costs a fifth to a third less CPU. Undefined
 * where the path is too long for a socket, or cannot be written in Postgres' settings.
 */
export function clusterSocketFolder({ folder }: Pick<PostgresCluster, "folder">, port: number): string | undefined {
  const path = join(folder, `.s.PGSQL.${port}`);
  return Buffer.byteLength(path) > socketPathMax || folder.includes('"') ? undefined : folder;
}

/** How to start the server of a cluster on a port of the loopback interface. `settings` overrule the defaults below. */
export function clusterLaunch(
  cluster: PostgresCluster,
  port: number,
  settings: Readonly<Record<string, string>> = {},
): Launch {
  const socketFolder = clusterSocketFolder(cluster, port);
  const all = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    max_connections: "100",
    // Statements are short and many: no worker processes for I/O, no compiling of plans.
    io_method: "sync",
    jit: "off",
    huge_pages: "off",
    ...settings,
  };
  const flags = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  // In the data folder, which nobody else can enter.
  const sockets = (view: View): string => (socketFolder === undefined ? "" : `"${view.data}"`);
  return launch(cluster, serverUid, "postgres", (view) => [
    ...["-D", view.data, "-c", `unix_socket_directories=${sockets(view)}`],
    ...flags,
  ]);
}

/** How to run one of Postgres' own commands on a cluster's folder, as the user of its server. */
export function clusterCommand(cluster: PostgresCluster, program: string, args: (data: string) => string[]): Launch {
  return launch(cluster, serverUid, program, (view) => args(view.data));
}

/** Hands a data folder that was put together elsewhere to the user of the server. */
export function giveToServer(folder: string): void {
  chmodSync(folder, 0o700);
  giveTo(folder, serverUid);
}

/** Whether the server with this process id takes connections. */
export function isClusterReady(cluster: PostgresCluster, pid: number): boolean {
  try {
    const lines = readFileSync(join(cluster.folder, "postmaster.pid"), "utf8").split("\n");
    return Number(lines[0]) === pid && lines[7]?.trim() === "ready";
  } catch {
    return false;
  }
}

function launch(cluster: PostgresCluster, uid: number, program: string, args: (view: View) => string[]): Launch {
  const asRoot = process.getuid?.() === 0;
  const view = asRoot ? viewFor(cluster) : { data: cluster.folder, postgres: cluster.postgres, mounts: [] };
  return {
    command: join(view.postgres, "bin", program),
    args: args(view),
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C", TZ: "UTC" },
    cwd: "/",
    // A fast shutdown: sessions end, everything is written.
    deathSignal: "INT",
    uid: asRoot ? uid : undefined,
    mounts: view.mounts,
  };
}

function viewFor(cluster: PostgresCluster): View {
  if (isOpenPath(cluster.folder) && isOpenPath(join(cluster.postgres, "bin", "postgres"))) {
    return { data: cluster.folder, postgres: cluster.postgres, mounts: [] };
  }
  return {
    data: join(mountPoint, "data"),
    postgres: join(mountPoint, "postgres"),
    mounts: [
      { from: cluster.folder, name: "data" },
      { from: cluster.postgres, name: "postgres" },
    ],
  };
}

/** Whether every user can walk to a path, whoever may enter or read what is there. */
function isOpenPath(path: string): boolean {
  for (let at = dirname(resolve(path)); ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) {
      return false;
    }
    if (at === "/") {
      return true;
    }
  }
}

/** Hands a folder and everything in it to a uid; nothing to do unless root started the house. */
function giveTo(folder: string, uid: number): void {
  if (process.getuid?.() !== 0) {
    return;
  }
  try {
    for (const entry of readdirSync(folder, { recursive: true })) {
      chownSync(join(folder, String(entry)), uid, uid);
    }
    chownSync(folder, uid, uid);
    chmodSync(folder, 0o700);
  } catch (error) {
    const message = `${folder} cannot be given to uid ${uid}, which Postgres is to run as: start as an ordinary user`;
    throw new PlatformError("FailedPrecondition", "UID_NOT_AVAILABLE", message, { cause: error });
  }
}
