import { PlatformError } from "@millrace/core";
import { isPortFree, pickFreePort } from "@millrace/provision";
import type { HousePorts } from "./house-state.ts";

/** The ports that whoever starts the house may name. */
export interface NamedPorts {
  readonly host: string;
  readonly http: number;
  readonly grpc: number | undefined;
}

/**
 * Decides every port: those that were named must be free, those of the last start are taken again where they are free, and
 * the rest is picked.
 */
export async function choosePorts(named: NamedPorts, last: HousePorts | undefined): Promise<HousePorts> {
  await assertFree(named.http, named.host, "--port");
  if (named.grpc !== undefined) {
    await assertFree(named.grpc, named.host, "--grpc-port");
  }
  const used = new Set([named.http]);
  const choose = async (...wishes: (number | undefined)[]): Promise<number> => {
    for (const port of wishes) {
      if (port !== undefined && !used.has(port) && (await isPortFree(port, named.host))) {
        used.add(port);
        return port;
      }
    }
    return choose(await pickFreePort(named.host));
  };
  return {
    grpc: named.grpc ?? (await choose(last?.grpc, named.http + 1)),
    nats: await choose(last?.nats),
    postgres: await choose(last?.postgres),
    health: {
      gateway: await choose(last?.health.gateway),
      scheduler: await choose(last?.health.scheduler),
      hub: await choose(last?.health.hub),
      runner: await choose(last?.health.runner),
    },
  };
}

async function assertFree(port: number, host: string, flag: string): Promise<void> {
  if (!(await isPortFree(port, host))) {
    const message = `port ${port} on ${host} is taken by another program: name another with ${flag}`;
    throw new PlatformError("FailedPrecondition", "PORT_TAKEN", message, { metadata: { port: String(port), flag } });
  }
}
