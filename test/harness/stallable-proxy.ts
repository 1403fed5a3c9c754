import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A TCP proxy in front of a server that can fall silent: what a hung server or a half-dead network looks like. */
export interface StallableProxy {
  readonly port: number;
  /** From now on nothing is read or passed on, and no connection is closed. */
  stall(): void;
  /** Goes on where it stopped. */
  resume(): void;
  close(): Promise<void>;
}

/** Starts a proxy before a port on this machine. */
export async function startStallableProxy(targetPort: number): Promise<StallableProxy> {
  const sockets = new Set<Socket>();
  let stalled = false;
  const server = createServer((client) => {
    const target = connect(targetPort, "127.0.0.1");
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      if (stalled) from.unpipe(to).pause();
      from.on("resume-piping", () => from.pipe(to));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stall: () => {
      stalled = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    resume: () => {
      stalled = false;
      for (const socket of sockets) socket.emit("resume-piping");
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
