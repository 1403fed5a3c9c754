import { get } from "node:http";
import { join } from "node:path";

import { toolsFolder, type Launch, type Tools } from "@millrace/provision";
import type { Host } from "./network.ts";

/** Ports are the same on every host: each has an address of its own. */
export const PORTS = { http: 8080, grpc: 8081, health: 8090, nats: 4222, natsRoutes: 6222, postgres: 5432 } as const;

/** What all processes of Millrace's own are started with. */
export interface CommonSettings {
  readonly tools: Tools;
  /** Where the packages are: this checkout, or a copy with a rule broken. */
  readonly checkout: string;
  readonly natsUrl: string;
  /** Signs credentials of runners; gateways have it. */
  readonly natsAccountKey: string;
  /** Files with what gateways and schedulers show to NATS, and with the join token of each pool. */
  readonly credentialsOf: (role: "gateway" | "scheduler") => string;
  readonly joinTokenOf: (pool: string) => string;
  readonly databaseUrl: string;
  readonly publicUrl: string;
  readonly tokenKey: string;
  readonly masterKey: string;
  /** Environment that tells the house's processes from all others. */
  readonly mark: Readonly<Record<string, string>>;
  /** Further environment of the processes whose clocks are moved, by the name of the member. */
  readonly clockOf: (member: string) => Readonly<Record<string, string>>;
}

/** How a process is started: by environment variables alone. */
export interface ProcessSettings {
  readonly name: string;
  readonly role: "gateway" | "scheduler" | "runner";
  readonly host: Host;
  readonly folder: string;
  /** Its own settings. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The launch of one of Millrace's own processes. */
export function processLaunch(common: CommonSettings, settings: ProcessSettings): Launch {
  const { name, role, host, folder, environment } = settings;
  return {
    command: common.tools.node,
    args: [join(common.checkout, "packages", role, "src/main.ts")],
    env: {
      PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
      LANG: "C.UTF-8",
      HOME: folder,
      TMPDIR: folder,
      NODE_COMPILE_CACHE: join(toolsFolder, "compile-cache"),
      MILLRACE_NAME: name,
      MILLRACE_NATS_URL: common.natsUrl,
      MILLRACE_HEALTH_HOST: host.address,
      MILLRACE_HEALTH_PORT: String(PORTS.health),
      MILLRACE_DRAIN_TIMEOUT_MS: "10000",
      ...roleSettings(common, settings),
      ...environment,
      ...common.mark,
      ...common.clockOf(name),
    },
    cwd: folder,
    deathSignal: "KILL",
  };
}

function roleSettings(common: CommonSettings, settings: ProcessSettings): Record<string, string> {
  const { role, host, folder, environment } = settings;
  const record = { MILLRACE_DATABASE_URL: common.databaseUrl, MILLRACE_TOKEN_KEY: common.tokenKey };
  switch (role) {
    case "gateway":
      return {
        ...record,
        MILLRACE_NATS_CREDENTIALS_FILE: common.credentialsOf(role),
        MILLRACE_NATS_ACCOUNT_KEY: common.natsAccountKey,
        MILLRACE_MASTER_KEY: common.masterKey,
        MILLRACE_HOST: host.address,
        MILLRACE_HTTP_PORT: String(PORTS.http),
        MILLRACE_GRPC_PORT: String(PORTS.grpc),
        MILLRACE_PUBLIC_URL: common.publicUrl,
      };
    case "scheduler":
      return { ...record, MILLRACE_NATS_CREDENTIALS_FILE: common.credentialsOf(role) };
    case "runner":
      return {
        MILLRACE_JOIN_TOKEN_FILE: common.joinTokenOf(environment["MILLRACE_POOL"] ?? "default"),
        MILLRACE_DATA_DIR: join(folder, "runner"),
        MILLRACE_PYTHON: common.tools.python,
        MILLRACE_BUBBLEWRAP: common.tools.bwrap,
        // Few and small: the whole house shares two processors.
        MILLRACE_SLOTS: "8",
        MILLRACE_BLANK_ENVIRONMENTS: "1",
      };
  }
}

/** Whether a process says on its health port that it is ready. */
export function isReadyOverHttp(host: Host): Promise<boolean> {
  return new Promise((resolve) => {
    const place = { host: host.address, port: PORTS.health, path: "/readyz", agent: false, timeout: 2_000 };
    const request = get(place, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once("timeout", () => request.destroy());
    request.once("error", () => resolve(false));
  });
}
