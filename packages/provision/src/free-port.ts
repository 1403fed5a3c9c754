import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { PlatformError } from "@millrace/core";

// Below the kernel's range for outgoing connections (32768 and up), so that no client's port takes a remembered one.
const firstPort = 20_000;
const lastPort = 32_000;
const tries = 200;

/** Whether a port can be listened on now. */
export function isPortFree(port: number, host = "127.0.0.1"): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Picks a port that is free now. Another process can still take it: whoever starts a server must cope with that. */
export async function pickFreePort(host = "127.0.0.1"): Promise<number> {
  for (let i = 0; i < tries; i++) {
    const port = randomInt(firstPort, lastPort);
    if (await isPortFree(port, host)) {
      return port;
    }
  }
  throw new PlatformError(
    "Unavailable",
    "NO_FREE_PORT",
    `no free port between ${firstPort} and ${lastPort} in ${tries} tries`,
  );
}
