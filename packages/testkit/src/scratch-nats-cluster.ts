import { rmSync } from "node:fs";
import { join } from "node:path";
import {
  isNatsReady,
  loadTools,
  natsLaunch,
  pickFreePort,
  signal,
  type NatsTls,
  type NatsTrustConfig,
  type NatsUser,
} from "@millrace/provision";
import { scratchFolder } from "./scratch-folder.ts";
import { startScratchServer, type ScratchServer } from "./scratch-server.ts";

/** One server of a scratch cluster. */
export interface ScratchNatsNode {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  /** Stops the server; `SIGKILL` is a crash. */
  stop(how?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same ports and, unless it lost its disk, files. */
  restart(options?: { emptyDisk?: boolean }): Promise<void>;
  /** Holds it as a stalled machine would, and lets it go on. */
  freeze(): void;
  thaw(): void;
}

/** Several real NATS servers that are one cluster, for one test. */
export interface ScratchNatsCluster {
  /** All servers, as the setting names them. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly nodes: readonly ScratchNatsNode[];
  stop(): Promise<void>;
}

/** How a scratch cluster differs from the plain one. */
export interface ScratchNatsClusterOptions {
  readonly size?: number;
  /** Whether each server has a tag for a bucket of leases of its own. Default: they do. */
  readonly tags?: boolean;
  readonly trust?: NatsTrustConfig | undefined;
  readonly tls?: NatsTls | undefined;
  /** Where each server reaches another one, as `host:port`; a test that cuts routes puts a proxy there. */
  readonly route?: (from: number, to: number, port: number) => string;
}

const everybody: readonly NatsUser[] = [{ user: "scratch", password: "scratch" }];

/** Starts a cluster. Its servers end with the test process, if not stopped before. */
export async function startScratchNatsCluster(options: ScratchNatsClusterOptions = {}): Promise<ScratchNatsCluster> {
  const { size = 3, tags = true, trust, tls, route = (_from, _to, port) => `127.0.0.1:${port}` } = options;
  const ports: number[] = [];
  for (let i = 0; i < 2 * size; i++) ports.push(await pickFreePort());
  const routePorts = ports.slice(size);
  const start = async (index: number): Promise<ScratchNatsNode> => {
    const routes = routePorts.map((port, other) => route(index, other, port)).filter((_, other) => other !== index);
    return startNode({ index, port: ports[index]!, routePort: routePorts[index]!, routes, trust, tls, tagged: tags });
  };
  const nodes = await Promise.all(routePorts.map((_, index) => start(index)));
  return {
    url: nodes.map(({ url }) => url).join(","),
    user: trust === undefined ? everybody[0]!.user : "",
    password: trust === undefined ? everybody[0]!.password : "",
    nodes,
    stop: async () => {
      for (const node of nodes) node.thaw();
      await Promise.all(nodes.map((node) => node.stop("SIGKILL")));
    },
  };
}

interface NodePlan {
  readonly index: number;
  readonly port: number;
  readonly routePort: number;
  readonly routes: readonly string[];
  readonly trust: NatsTrustConfig | undefined;
  readonly tls: NatsTls | undefined;
  readonly tagged: boolean;
}

async function startNode({ index, port, routePort, routes, trust, tls, tagged }: NodePlan): Promise<ScratchNatsNode> {
  const folder = scratchFolder();
  const name = `n${index + 1}`;
  const launch = natsLaunch({
    ...{ program: loadTools().natsServer, folder, port, trust, tls },
    users: trust === undefined ? everybody : undefined,
    cluster: {
      ...{ name: "scratch", server: name, port: routePort, routes, user: "route", password: "route" },
      leases: tagged ? index : undefined,
    },
  });
  const start = (): Promise<ScratchServer> =>
    startScratchServer(launch, join(folder, "nats.log"), () => isNatsReady(port));
  let server = await start();
  return {
    name,
    url: `${tls === undefined ? "nats" : "tls"}://127.0.0.1:${port}`,
    get pid() {
      return server.pid;
    },
    stop: (how) => server.stop(how),
    restart: async ({ emptyDisk = false } = {}) => {
      if (emptyDisk) rmSync(join(folder, "jetstream"), { recursive: true, force: true });
      server = await start();
    },
    freeze: () => signal(server.pid, "SIGSTOP"),
    thaw: () => signal(server.pid, "SIGCONT"),
  };
}
