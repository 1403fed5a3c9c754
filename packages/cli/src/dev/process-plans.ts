import { join } from "node:path";
import { trustOf } from "@millrace/bus/identity";
import {
  checkoutFolder,
  clusterLaunch,
  clusterSocketFolder,
  isClusterReady,
  isNatsReady,
  natsLaunch,
  readNatsState,
  toolsFolder,
  type Launch,
  type PostgresCluster,
  type Tools,
} from "@millrace/provision";
import { areDoorsClosed, isReadyOverHttp } from "./health.ts";
import type { HouseFolder } from "./house-folder.ts";
import type { HousePorts, HouseState, ProcessRole } from "./house-state.ts";
import { houseVariable } from "./leftovers.ts";
import { LogFile } from "./log-file.ts";
import type { ProcessPlan } from "./supervised-process.ts";

/** What a process gets beyond its own deadline for draining before it is killed. */
const drainGraceMs = 3_000;

/** The name of the database, and of the role that owns it. */
export const databaseName = "millrace";

/** Everything that the processes of one house are started from. */
export interface HouseSettings {
  readonly folder: HouseFolder;
  readonly state: HouseState;
  readonly ports: HousePorts;
  readonly tools: Tools;
  readonly host: string;
  readonly httpPort: number;
  readonly publicUrl: string;
  /** Whether gateway and scheduler are processes of their own; a hub is both otherwise. */
  readonly separate: boolean;
  readonly onDeath: (role: string, how: string) => void;
}

/** The address of a house's database. */
export function databaseUrlOf({ databasePassword, ports }: HouseState): string {
  return `postgres://${databaseName}:${databasePassword}@127.0.0.1:${ports?.postgres}/${databaseName}`;
}

/** The same for processes that ask it all the time: by its socket, where there can be one. */
function recordUrlOf({ folder, state, ports }: HouseSettings): string {
  const socketFolder = clusterSocketFolder({ folder: folder.postgres }, ports.postgres);
  return socketFolder === undefined
    ? databaseUrlOf(state)
    : `${databaseUrlOf(state)}?host=${encodeURIComponent(socketFolder)}`;
}

/** The house's Postgres data. */
export function clusterOf(settings: HouseSettings): PostgresCluster {
  return { folder: settings.folder.postgres, postgres: settings.tools.postgres };
}

/** How Postgres is kept running. */
export function postgresPlan(settings: HouseSettings): ProcessPlan {
  const cluster = clusterOf(settings);
  return plan(settings, {
    role: "postgres",
    launch: clusterLaunch(cluster, settings.ports.postgres),
    isReady: (pid) => isClusterReady(cluster, pid),
    // Fast shutdown, then immediate: both leave a consistent cluster.
    stopSignal: "SIGINT",
    stopTimeoutMs: 15_000,
    hardSignal: "SIGQUIT",
  });
}

/** How the NATS server is kept running. */
export function natsPlan(settings: HouseSettings): ProcessPlan {
  const { nats } = settings.ports;
  return plan(settings, {
    role: "nats",
    launch: natsLaunch({
      program: settings.tools.natsServer,
      folder: settings.folder.nats,
      port: nats,
      // What goes through it alone costs a twentieth of what the processes beside it do, and less without threads that take turns.
      cores: 1,
      trust: trustOf(settings.state.natsKeys),
    }),
    isReady: () => isNatsReady(nats),
    // After its disk was full.
    broken: { isSo: async () => (await readNatsState(nats)) === "without-jetstream", everyMs: 3_000 },
    stopSignal: "SIGTERM",
    stopTimeoutMs: 10_000,
    hardSignal: "SIGKILL",
  });
}

/**
 * Room for young objects. Start-up fills whatever is allowed, and an idle process that does not give memory back keeps it; less of it
 * than this costs processor time under load.
 */
const youngSpaceMiB: Readonly<Record<ProcessRole, number>> = { gateway: 4, scheduler: 2, hub: 4, runner: 2 };

/** Of a hub that gives memory back when quiet: what is under way survives fewer collections, and an idle one keeps nothing of it. */
const YOUNG_SPACE_OF_QUIET_HUB_MIB = 16;

/**
 * The processes collect garbage themselves once they are quiet; V8 would do so again, twice, with a thread for each processor. Where
 * they are told not to, it is left to V8.
 */
function heapOptions(role: ProcessRole): string[] {
  const givesBack = Number(process.env["MILLRACE_QUIET_AFTER_MS"] || Number.NaN) !== 0;
  const youngMiB = givesBack && role === "hub" ? YOUNG_SPACE_OF_QUIET_HUB_MIB : youngSpaceMiB[role];
  return [...(givesBack ? ["--no-memory-reducer"] : []), `--max-semi-space-size=${youngMiB}`];
}

/** How a process of Millrace's own is kept running, from the same settings that a cluster gives it. */
export function processPlan(settings: HouseSettings, role: ProcessRole): ProcessPlan {
  return plan(settings, {
    role,
    launch: {
      command: settings.tools.node,
      args: [...heapOptions(role), join(checkoutFolder, "packages", role, "src/main.ts")],
      env: {
        ...inherited(),
        // One place for what is not V8's own: its threads allocate little, and each place of their own keeps holes.
        MALLOC_ARENA_MAX: "1",
        // Compiled code kept from the last start halves the time that this one takes.
        NODE_COMPILE_CACHE: join(toolsFolder, "compile-cache"),
        ...commonSettings(settings, role),
        ...roleSettings(settings, role),
      },
      cwd: settings.folder.path,
      deathSignal: "TERM",
    },
    isReady: () => isReadyOverHttp(settings.ports.health[role]),
    // Runs that callers wait for, and those that the runner then finishes, still need the scheduler in it.
    ...(role === "hub" && {
      retreat: { signal: "SIGUSR2", isDone: () => areDoorsClosed(settings.ports.health[role]) },
    }),
    stopSignal: "SIGTERM",
    stopTimeoutMs: drainTimeoutMs() + drainGraceMs,
    hardSignal: "SIGKILL",
  });
}

// A person waits at the terminal: shorter than a cluster's. What is not done by then goes on at the next start.
function drainTimeoutMs(): number {
  const set = Number(process.env["MILLRACE_DRAIN_TIMEOUT_MS"]);
  return Number.isInteger(set) && set > 0 ? set : 10_000;
}

function plan(settings: HouseSettings, part: Omit<ProcessPlan, "log" | "onDeath">): ProcessPlan {
  const launch: Launch = { ...part.launch, env: { ...part.launch.env, [houseVariable]: settings.state.id } };
  return {
    ...part,
    launch,
    log: new LogFile(join(settings.folder.logs, `${part.role}.log`)),
    onDeath: (how) => settings.onDeath(part.role, how),
  };
}

// What a process may see of the environment that the house was started in. Anything else, such as a cloud's keys, is no
// business of a process that runs other people's code.
const inheritedNames =
  /^(MILLRACE_|OTEL_|LC_|PATH$|HOME$|LANG$|TZ$|TMPDIR$|SSL_CERT_|NODE_EXTRA_CA_CERTS$|https?_proxy$|no_proxy$)/i;
const secretNames = /^MILLRACE_(DATABASE_URL|TOKEN_KEY|MASTER_KEY|NATS_|JOIN_|API_KEY|HOUSE|SMTP_URL)/;

function inherited(): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && inheritedNames.test(entry[0]) && !secretNames.test(entry[0]),
  );
  return Object.fromEntries(kept);
}

function commonSettings(settings: HouseSettings, role: ProcessRole): Record<string, string> {
  return {
    MILLRACE_NATS_URL: `nats://127.0.0.1:${settings.ports.nats}`,
    MILLRACE_HEALTH_PORT: String(settings.ports.health[role]),
    MILLRACE_DRAIN_TIMEOUT_MS: String(drainTimeoutMs()),
  };
}

/** The key in the data folder, unless the person who starts the house gives one, or several to change it. */
function masterKey({ folder }: HouseSettings): Record<string, string> {
  const given = process.env["MILLRACE_MASTER_KEY"];
  if (given !== undefined && given !== "") return { MILLRACE_MASTER_KEY: given };
  return { MILLRACE_MASTER_KEY_FILE: process.env["MILLRACE_MASTER_KEY_FILE"] || folder.masterKeyFile };
}

/** Who has a house of their own on this machine reaches everything on it anyway. */
function privateAddresses(): Record<string, string> {
  return { MILLRACE_PROVIDER_PRIVATE_ADDRESSES: process.env["MILLRACE_PROVIDER_PRIVATE_ADDRESSES"] || "true" };
}

/** The mail server's password is the gateway's alone. */
function mailServer(): Record<string, string> {
  const given = ["MILLRACE_SMTP_URL", "MILLRACE_SMTP_URL_FILE"].map((name) => [name, process.env[name]] as const);
  return Object.fromEntries(given.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function roleSettings(settings: HouseSettings, role: ProcessRole): Record<string, string> {
  const { credentials } = settings.folder;
  const record = { MILLRACE_DATABASE_URL: recordUrlOf(settings), MILLRACE_TOKEN_KEY: settings.state.tokenKey };
  switch (role) {
    case "gateway":
    case "hub":
      return {
        ...record,
        ...masterKey(settings),
        ...privateAddresses(),
        ...mailServer(),
        MILLRACE_NATS_CREDENTIALS_FILE: credentials[role],
        MILLRACE_NATS_ACCOUNT_KEY: settings.state.natsKeys.accountSeed,
        MILLRACE_HOST: settings.host,
        MILLRACE_HTTP_PORT: String(settings.httpPort),
        MILLRACE_GRPC_PORT: String(settings.ports.grpc),
        MILLRACE_PUBLIC_URL: settings.publicUrl,
        MILLRACE_WEB_DIR: join(checkoutFolder, "packages/web/dist"),
      };
    case "scheduler":
      return { ...record, MILLRACE_NATS_CREDENTIALS_FILE: credentials.scheduler };
    case "runner":
      return {
        MILLRACE_JOIN_TOKEN_FILE: settings.folder.joinTokenFile,
        MILLRACE_DATA_DIR: settings.folder.runner,
        MILLRACE_PYTHON: settings.tools.python,
        MILLRACE_BUBBLEWRAP: settings.tools.bwrap,
        ...(settings.tools.slirp4netns !== undefined && { MILLRACE_SLIRP4NETNS: settings.tools.slirp4netns }),
        ...(settings.tools.nft !== undefined && { MILLRACE_NFT: settings.tools.nft }),
      };
  }
}
