import { readFileSync } from "node:fs";
import type { Server } from "node:net";
import { join } from "node:path";
import { PlatformError } from "@millrace/core";
import { checkoutFolder, loadTools } from "@millrace/provision";
import { lockFolder } from "./folder-lock.ts";
import { defaultDataFolder, openHouseFolder, rememberDataFolder, type HouseFolder } from "./house-folder.ts";
import { ensureMasterKey, loadHouseState, saveHouseState } from "./house-state.ts";
import { House } from "./house.ts";
import { writeNatsIdentities } from "./nats-identities.ts";
import { endLeftovers } from "./leftovers.ts";
import { choosePorts } from "./ports.ts";
import type { HouseSettings } from "./process-plans.ts";
import { removeStatusSocket, serveStatus, type HouseStatus } from "./status-socket.ts";
import { StopRequest } from "./stop-request.ts";

/** The port for HTTP when none is named. */
export const defaultHttpPort = 7420;

/** How to run a whole house on one machine. */
export interface DevOptions {
  /** The data folder, made when it is not there; MILLRACE_DATA, else `.millrace` in the checkout, by default. */
  readonly data?: string;
  /** Where HTTP is answered; 7420 by default. */
  readonly port?: number;
  /** Where gRPC is answered; the one remembered, else the one behind `port`, else any, by default. */
  readonly grpcPort?: number;
  /** The address to listen on; 127.0.0.1 by default. */
  readonly host?: string;
  /** The address that outsiders know the house by; `http://<host>:<port>` by default. */
  readonly publicUrl?: string;
  /** Runs gateway and scheduler as processes of their own, as a cluster does, instead of one that is both. */
  readonly separate?: boolean;
  /** Keeps stdout free of the line that says that the house is ready. */
  readonly json?: boolean;
  /** Runs when everything is ready; the house goes on until `stop` is called or a signal comes. */
  readonly whenReady?: (house: ReadyHouse) => Promise<void>;
}

/** A house that answers. */
export interface ReadyHouse {
  readonly url: string;
  readonly grpc: string;
  readonly apiKey: string;
  /** Holds the password that the administrator had at the first start. */
  readonly passwordFile: string;
  /** Aborted when the house begins to drain. */
  readonly signal: AbortSignal;
  /** Drains the house. */
  stop(): void;
}

/**
 * Runs Postgres, NATS, hub (or gateway and scheduler) and runner in the foreground until SIGINT or SIGTERM, and returns when all of them
 * are gone, with the exit code. Prints one line on stdout when everything answers. Throws ALREADY_RUNNING, PORT_TAKEN, PROCESS_FAILED,
 * TOOLS_MISSING, DATA_FOLDER_UNUSABLE or DATA_FOLDER_DAMAGED.
 */
export async function dev(options: DevOptions): Promise<number> {
  const tools = loadTools();
  const folder = openHouseFolder(options.data ?? defaultDataFolder());
  const lock = await lockFolder(folder.path);
  const stop = new StopRequest();
  try {
    const remembered = loadHouseState(folder.stateFile);
    const ended = await endLeftovers(remembered.id);
    if (ended > 0) {
      say(`ended ${ended} processes of a house that was killed here`);
    }
    const host = options.host ?? "127.0.0.1";
    const httpPort = options.port ?? defaultHttpPort;
    const ports = await choosePorts({ host, http: httpPort, grpc: options.grpcPort }, remembered.ports);
    const state = { ...remembered, ports };
    saveHouseState(folder.stateFile, state);
    ensureMasterKey(folder.masterKeyFile);
    writeNatsIdentities(folder, state.natsKeys);
    const publicUrl = options.publicUrl ?? `http://${reachable(host)}:${httpPort}`;
    const onDeath = (role: string, how: string): void => say(`${role} ${how}; starting it again`);
    const separate = options.separate ?? false;
    const settings = { folder, state, ports, tools, host, httpPort, publicUrl, separate, onDeath };
    await runHouse(settings, stop, options);
    return 0;
  } finally {
    stop.close();
    lock.release();
  }
}

async function runHouse(settings: HouseSettings, stop: StopRequest, options: DevOptions): Promise<void> {
  const house = new House(settings);
  const { folder, ports } = settings;
  const url = `http://${reachable(settings.host)}:${settings.httpPort}`;
  const grpc = `${reachable(settings.host)}:${ports.grpc}`;
  const own = {
    pid: process.pid,
    version: version(),
    startTime: new Date().toISOString(),
    dataFolder: folder.path,
    url,
    grpc,
  };
  let state: HouseStatus["state"] = "starting";
  const status = await serveStatus(folder.path, async () => ({ ...own, state, processes: await house.status() }));
  try {
    const stopped = stop.wait().then(() => true);
    if (await Promise.race([stopped, house.start().then(() => false)])) {
      return;
    }
    state = "ready";
    rememberDataFolder(folder.path);
    (options.json === true ? process.stderr : process.stdout).write(`ready ${url} grpc ${grpc}\n`);
    if (house.firstPassword !== undefined) {
      say(`sign in as "admin" with the password ${house.firstPassword}; it is kept in ${folder.passwordFile}`);
    }
    const apiKey = readFileSync(folder.apiKeyFile, "utf8").trim();
    const { passwordFile } = folder;
    const ready = options.whenReady?.({
      ...{ url, grpc, apiKey, passwordFile },
      signal: stop.signal,
      stop: () => stop.request(),
    });
    await Promise.race([stopped, (ready ?? Promise.resolve()).then(() => stopped)]);
  } finally {
    state = "draining";
    await end(house, stop, status, folder);
  }
}

async function end(house: House, stop: StopRequest, status: Server, folder: HouseFolder): Promise<void> {
  say("draining; press Ctrl-C again to end everything at once");
  const drained = house.drain().then(() => true);
  if (!(await Promise.race([drained, stop.waitForSecond().then(() => false)]))) {
    say("ending everything at once");
    await house.kill();
  }
  status.close();
  removeStatusSocket(folder.path);
  say("everything has ended");
}

/** Where a listener on this address can be reached from this machine. */
function reachable(host: string): string {
  return host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
}

function version(): string {
  const manifest = JSON.parse(readFileSync(join(checkoutFolder, "package.json"), "utf8")) as { version?: string };
  if (manifest.version === undefined) {
    throw new PlatformError("Internal", "VERSION_MISSING", "package.json names no version");
  }
  return manifest.version;
}

function say(text: string): void {
  process.stderr.write(`millrace: ${text}\n`);
}
