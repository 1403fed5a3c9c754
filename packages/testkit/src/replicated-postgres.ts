import { chmodSync } from "node:fs";
import { join } from "node:path";
import {
  childrenOf,
  clusterLaunch,
  createCluster,
  createStandby,
  isClusterReady,
  loadTools,
  pickFreePort,
  promoteStandby,
  requireStandbys,
  signal,
  waitUntil,
  type PostgresCluster,
  type SuperuserSession,
} from "@millrace/provision";
import { Client } from "pg";
import { scratchFolder } from "./scratch-folder.ts";
import { startScratchServer, type ScratchServer } from "./scratch-server.ts";

/** One of two servers. */
export interface ReplicatedServer {
  readonly port: number;
  readonly pid: number;
  /** A superuser's address of this server alone. */
  readonly url: string;
  /** Runs one statement on a connection of its own. */
  query(text: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Sends a signal to all processes of the server: one that is frozen is frozen whole. */
  signal(name: "SIGSTOP" | "SIGCONT"): void;
  stop(how?: NodeJS.Signals): Promise<void>;
  start(): Promise<void>;
}

/** A primary with a synchronous standby, as real servers. */
export interface ReplicatedPostgres {
  /** The address with both servers. */
  readonly url: string;
  readonly servers: readonly [ReplicatedServer, ReplicatedServer];
  /** Which of the servers was made the primary last. */
  readonly primary: ReplicatedServer;
  readonly standby: ReplicatedServer;
  /** Makes the standby the primary, whatever the old one does; commits wait for no standby until there is one. */
  promote(): Promise<void>;
  /** Makes the server that is not the primary a standby anew, and commits wait for it from then on. */
  rejoin(): Promise<void>;
  stop(): Promise<void>;
}

const role = "millrace";
const password = "scratch";

/** Starts a primary, and a standby that its commits wait for. They end with the process. */
export async function startReplicatedPostgres(folder = scratchFolder()): Promise<ReplicatedPostgres> {
  chmodSync(folder, 0o711);
  const [one, two] = [await makeServer(folder, "one"), await makeServer(folder, "two")];
  await createCluster(one.cluster, { role, password, superuser: true });
  await one.start();
  const pair = new Pair(one, two);
  await pair.rejoin();
  return pair;
}

class Pair implements ReplicatedPostgres {
  readonly servers: readonly [Server, Server];
  primary: Server;
  standby: Server;

  constructor(one: Server, two: Server) {
    this.servers = [one, two];
    this.primary = one;
    this.standby = two;
  }

  get url(): string {
    const [one, two] = this.servers;
    return `postgres://${role}:${password}@127.0.0.1:${one.port},127.0.0.1:${two.port}/${role}`;
  }

  async promote(): Promise<void> {
    await promoteStandby(this.standby.cluster);
    [this.primary, this.standby] = [this.standby, this.primary];
  }

  async rejoin(): Promise<void> {
    await this.standby.stop("SIGQUIT");
    await this.primary.withSession(async (session) => {
      await createStandby(this.standby.cluster, {
        primary: this.primary.cluster,
        primaryPort: this.primary.port,
        session,
        name: this.standby.name,
        password,
      });
      await this.standby.start();
      await requireStandbys(session, [this.standby.name]);
      const isFollowing = async (): Promise<boolean> =>
        (await session("SELECT FROM pg_stat_replication WHERE sync_state = 'quorum'")).length > 0;
      await waitUntil(isFollowing, { what: "a standby that follows", timeoutMs: 30_000 });
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop("SIGQUIT")));
  }
}

class Server implements ReplicatedServer {
  readonly name: string;
  readonly cluster: PostgresCluster;
  readonly port: number;
  readonly #log: string;
  #running: ScratchServer | undefined;

  constructor(name: string, cluster: PostgresCluster, port: number) {
    this.name = name;
    this.cluster = cluster;
    this.port = port;
    this.#log = `${cluster.folder}.log`;
  }

  get pid(): number {
    return this.#running?.pid ?? 0;
  }

  get url(): string {
    return `postgres://${role}:${password}@127.0.0.1:${this.port}/${role}`;
  }

  query(text: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return this.withSession((session) => session(text));
  }

  async withSession<T>(operation: (session: SuperuserSession) => Promise<T>): Promise<T> {
    const client = new Client({ connectionString: this.url });
    client.on("error", () => undefined);
    await client.connect();
    try {
      return await operation(async (text) => (await client.query<Record<string, unknown>>(text)).rows);
    } finally {
      await client.end();
    }
  }

  signal(name: "SIGSTOP" | "SIGCONT"): void {
    const pid = this.#running?.pid;
    if (pid === undefined) return;
    for (const one of [pid, ...childrenOf(pid)]) signal(one, name);
  }

  async stop(how?: NodeJS.Signals): Promise<void> {
    // One that is frozen sees no other signal.
    this.signal("SIGCONT");
    const running = this.#running;
    this.#running = undefined;
    await running?.stop(how);
  }

  async start(): Promise<void> {
    const launch = clusterLaunch(this.cluster, this.port, { shared_buffers: "64MB", max_connections: "200" });
    this.#running = await startScratchServer(launch, this.#log, (pid) => isClusterReady(this.cluster, pid));
  }
}

async function makeServer(folder: string, name: string): Promise<Server> {
  return new Server(
    name,
    { folder: join(folder, `postgres-${name}`), postgres: loadTools().postgres },
    await pickFreePort(),
  );
}
