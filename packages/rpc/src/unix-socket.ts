import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { PlatformError } from "@millrace/core";
import type { GrpcServer } from "./server.ts";

/** What the kernel's `sun_path` holds, without its end. */
const PATH_BYTES_MAX = 107;

/** Listens on a Unix socket that only this user reaches: the folder is 0700 before the socket exists, the socket 0600. */
export async function listenUnix(server: GrpcServer, path: string): Promise<void> {
  const bytes = Buffer.byteLength(path);
  if (bytes > PATH_BYTES_MAX) {
    const message = `a socket's path may have ${PATH_BYTES_MAX} bytes, and ${path} has ${bytes}: use a shorter data folder`;
    throw new PlatformError("InvalidArgument", "SOCKET_PATH_TOO_LONG", message, { metadata: { path } });
  }
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  rmSync(path, { force: true });
  await server.bind(`unix:${path}`);
  chmodSync(path, 0o600);
}
