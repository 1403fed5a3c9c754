import { join } from "node:path";
import {
  isNatsReady,
  loadTools,
  natsLaunch,
  pickFreePort,
  type NatsTls,
  type NatsTrustConfig,
  type NatsUser,
} from "@millrace/provision";
import { scratchFolder } from "./scratch-folder.ts";
import { startScratchServer, type ScratchServer } from "./scratch-server.ts";

/** A real NATS server with JetStream, for one test. */
export interface ScratchNats {
  readonly url: string;
  /** Of a user who may do everything; empty where the server wants credentials. */
  readonly user: string;
  readonly password: string;
  readonly port: number;
  /** Of the server that runs, or ran last. */
  readonly pid: number;
  /** Stops the server; `SIGKILL` is a crash. */
  stop(how?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and files. */
  restart(): Promise<void>;
}

const everybody: readonly NatsUser[] = [{ user: "scratch", password: "scratch" }];

/** How a scratch server differs from the plain one. */
export interface ScratchNatsOptions {
  readonly trust?: NatsTrustConfig | undefined;
  readonly tls?: NatsTls | undefined;
}

/** Starts a NATS server. It ends with the test process, if not stopped before. */
export async function startScratchNats({ trust, tls }: ScratchNatsOptions = {}): Promise<ScratchNats> {
  const folder = scratchFolder();
  const port = await pickFreePort();
  const users = trust === undefined ? everybody : undefined;
  const launch = natsLaunch({ program: loadTools().natsServer, folder, port, users, trust, tls });
  const start = (): Promise<ScratchServer> =>
    startScratchServer(launch, join(folder, "nats.log"), () => isNatsReady(port));
  let server = await start();
  return {
    url: `${tls === undefined ? "nats" : "tls"}://127.0.0.1:${port}`,
    user: users?.[0]?.user ?? "",
    password: users?.[0]?.password ?? "",
    port,
    get pid() {
      return server.pid;
    },
    stop: (how) => server.stop(how),
    restart: async () => {
      server = await start();
    },
  };
}
