import { closeSync, openSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { PlatformError } from "@millrace/core";

const timeoutMs = 5_000;
const answerMaxCharacters = 1024 * 1024;

/** The roles of a house's processes. */
export type Role = "gateway" | "scheduler" | "hub" | "runner" | "worker" | "nats" | "postgres";

/** One process of a house, as its supervisor sees it now. */
export interface ProcessStatus {
  readonly role: Role;
  /** Absent while it is down. */
  readonly pid?: number;
  readonly ready: boolean;
  /** How often it was started again since the house was. */
  readonly restarts?: number;
}

/** What a house's supervisor says about it, whatever else is down. */
export interface HouseStatus {
  /** The supervisor's own process. */
  readonly pid: number;
  readonly version: string;
  readonly state: "starting" | "ready" | "draining";
  readonly startTime: string;
  readonly dataFolder: string;
  /** Where HTTP callers, triggers and the HTTP/JSON API are answered. */
  readonly url: string;
  /** `host:port` of the gRPC API. */
  readonly grpc: string;
  readonly processes: readonly ProcessStatus[];
}

/** Answers everyone who connects to `<folder>/supervisor.sock` with the status as one JSON document. */
export async function serveStatus(folder: string, status: () => Promise<HouseStatus>): Promise<Server> {
  removeStatusSocket(folder);
  const server = createServer((socket) => {
    socket.setTimeout(timeoutMs, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    status().then(
      (answer) => socket.end(`${JSON.stringify(answer)}\n`),
      () => socket.destroy(),
    );
  });
  await withShortPath(folder, (path) => {
    return new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ path }, resolve);
    });
  });
  return server;
}

/** Removes the socket, also one that a killed supervisor left. */
export function removeStatusSocket(folder: string): void {
  rmSync(join(folder, "supervisor.sock"), { force: true });
}

/** Asks the supervisor of a data folder; throws HOUSE_NOT_RUNNING when there is none. */
export async function readStatus(folder: string): Promise<HouseStatus> {
  try {
    return JSON.parse(await withShortPath(folder, readAll)) as HouseStatus;
  } catch (error) {
    const message = `no house is running in ${folder}: start one with "millrace dev --data ${folder}"`;
    throw new PlatformError("Unavailable", "HOUSE_NOT_RUNNING", message, { cause: error });
  }
}

function readAll(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    let text = "";
    socket.setTimeout(timeoutMs, () =>
      socket.destroy(new PlatformError("DeadlineExceeded", "STATUS_TIMEOUT", "no answer")),
    );
    socket.on("data", (chunk) => {
      text += chunk.toString();
      if (text.length > answerMaxCharacters) {
        socket.destroy(new PlatformError("Internal", "STATUS_TOO_LARGE", "the answer does not end"));
      }
    });
    socket.once("error", reject);
    socket.once("end", () => resolve(text));
  });
}

/** A socket's path may have 107 bytes only, so the folder is named by its descriptor. */
async function withShortPath<T>(folder: string, use: (path: string) => Promise<T>): Promise<T> {
  const descriptor = openSync(folder, "r");
  try {
    return await use(`/proc/self/fd/${descriptor}/supervisor.sock`);
  } finally {
    closeSync(descriptor);
  }
}
