import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { Launch } from "./launch.ts";

/** Subjects that a user may publish to or subscribe to, in NATS' own notation. */
export interface NatsRights {
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
}

/** One who may connect. Without `permissions` everything is allowed. */
export interface NatsUser {
  readonly user: string;
  readonly password: string;
  readonly permissions?: {
    readonly publish: NatsRights;
    readonly subscribe: NatsRights;
    readonly allow_responses?: boolean;
  };
}

/** How to run a NATS server on one machine. */
export interface NatsOptions {
  /** The `nats-server` binary. */
  readonly program: string;
  /** Keeps the configuration file and JetStream's files. */
  readonly folder: string;
  /** Address that it listens on, for the other servers of a cluster too; that of the loopback interface by default. */
  readonly host?: string | undefined;
  readonly port: number;
  /** Who may connect: users with passwords, or whoever shows credentials that these accounts' keys have signed. */
  readonly users?: readonly NatsUser[] | undefined;
  readonly trust?: NatsTrustConfig | undefined;
  /** Certificates for clients and, in a cluster, between the servers. */
  readonly tls?: NatsTls | undefined;
  /** How many processor cores it uses at once; all by default. */
  readonly cores?: number | undefined;
  /** Makes it one server of several that share everything. */
  readonly cluster?: NatsCluster | undefined;
}

/** What a server checks credentials by, without asking anybody. */
export interface NatsTrustConfig {
  readonly operatorJwt: string;
  readonly systemAccount: string;
  readonly accounts: Readonly<Record<string, string>>;
}

/** PEM files of a server's own certificate and of the authority that it knows others by. */
export interface NatsTls {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
  /** Whether clients must show a certificate of that authority too. Servers among one another always must. */
  readonly verifyClients?: boolean;
}

/** One server's place in a cluster. */
export interface NatsCluster {
  /** The same at all servers. */
  readonly name: string;
  /** Unique in the cluster, and the same after each restart: the servers know one another's state by it. */
  readonly server: string;
  /** Which of the buckets of leases it has; different at each of three servers. */
  readonly leases?: number | undefined;
  /** Where this server listens for the others. */
  readonly port: number;
  /** Where the others listen, as `host:port`; its own may be among them. */
  readonly routes: readonly string[];
  /** What servers prove to one another; the same at all. */
  readonly user: string;
  readonly password: string;
}

const mebibyte = 1024 * 1024;
const loopback = "127.0.0.1";
/** More than any greeting has, however many servers it names. */
const greetingMax = 64 * 1024;

/** Writes the server's configuration, readable by its owner only, and says how to start it. It opens no monitoring port. */
export function natsLaunch(options: NatsOptions): Launch {
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  const file = join(options.folder, "nats.json");
  const { host = loopback } = options;
  const configuration = {
    host,
    port: options.port,
    max_payload: 8 * mebibyte,
    // A reader that cannot keep up is cut off instead of holding more than this in the server.
    max_pending: 64 * mebibyte,
    // A client that is frozen or cut off gets nothing more after 3 s. Until then a part of what is asked of gateways goes to one that
    // never answers; by default that would take minutes. Clients say something about as often, so hardly anybody is pinged for it.
    ping_interval: "1s",
    ping_max: 2,
    jetstream: {
      store_dir: join(options.folder, "jetstream"),
      max_memory_store: 256 * mebibyte,
      max_file_store: 4096 * mebibyte,
    },
    ...(options.users !== undefined && { authorization: { users: options.users } }),
    ...(options.trust !== undefined && trustPart(options.trust, options.folder)),
    ...(options.tls !== undefined && { tls: tlsPart(options.tls, options.tls.verifyClients ?? false) }),
    ...(options.cluster !== undefined && clusterPart(options.cluster, host, options.tls)),
  };
  writeFileSync(file, JSON.stringify(configuration, null, 2), { mode: 0o600 });
  return {
    command: options.program,
    args: ["--config", file],
    env: {
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      ...(options.cores !== undefined && { GOMAXPROCS: String(options.cores) }),
    },
    cwd: options.folder,
    deathSignal: "TERM",
  };
}

/** Accounts are kept in a folder, so that a server that was down learns from it and from the others who was revoked. */
function trustPart({ operatorJwt, systemAccount, accounts }: NatsTrustConfig, folder: string) {
  return {
    operator: operatorJwt,
    system_account: systemAccount,
    resolver: { type: "full", dir: join(folder, "accounts"), allow_delete: false, interval: "2m" },
    resolver_preload: accounts,
  };
}

function tlsPart({ certFile, keyFile, caFile }: NatsTls, verify: boolean) {
  return { cert_file: certFile, key_file: keyFile, ca_file: caFile, verify, timeout: 2 };
}

function clusterPart(
  { name, server, leases, port, routes, user, password }: NatsCluster,
  host: string,
  tls: NatsTls | undefined,
) {
  return {
    server_name: server,
    ...(leases !== undefined && { server_tags: [`millrace-leases-${leases}`] }),
    cluster: {
      name,
      host,
      port,
      ...(tls !== undefined && { tls: tlsPart(tls, true) }),
      authorization: { user, password, timeout: 2 },
      routes: routes.map((route) => `nats://${user}:${password}@${route}`),
      // A server that is cut off tells its clients within 1.5 s, so that they are elsewhere before anybody misses them.
      ping_interval: "500ms",
      ping_max: 2,
      connect_retries: 5,
    },
  };
}

/**
 * What a NATS server says when it is called: nothing; that it works, but not JetStream, which it switches off for good when its
 * disk is full, until it is started again; or that all is well.
 */
export type NatsState = "away" | "without-jetstream" | "ready";

/** Calls a NATS server and reads its greeting. One that starts greets nobody until JetStream is ready. */
export function readNatsState(port: number, host = loopback, timeoutMs = 1_000): Promise<NatsState> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    const end = (state: NatsState): void => {
      socket.destroy();
      resolve(state);
    };
    let greeting = "";
    socket.setTimeout(timeoutMs, () => end("away"));
    socket.on("data", (data) => {
      greeting += data.toString("latin1");
      if (!greeting.includes("\n") && greeting.length < greetingMax) return;
      const isServer = greeting.startsWith("INFO ");
      end(!isServer ? "away" : greeting.includes('"jetstream":true') ? "ready" : "without-jetstream");
    });
    socket.once("error", () => end("away"));
    socket.once("close", () => end("away"));
  });
}

/** Whether a NATS server answers, JetStream included. */
export async function isNatsReady(port: number, host = loopback, timeoutMs = 1_000): Promise<boolean> {
  return (await readNatsState(port, host, timeoutMs)) === "ready";
}
