import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import type { Network } from "../house/network.ts";
import type { History, Sighting } from "./history.ts";

/** Sees from outside of the house, and of every fault, which steps begin, go on and end, and where. */
export class StepWitness {
  readonly #server: Server;
  readonly #address: string;

  private constructor(network: Network, history: History) {
    this.#address = network.outside;
    const names = new Map([...network.hosts.values()].map(({ name, address }) => [address, name]));
    const seen = new Set<string>();
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      // A step that is killed while it tells may leave a piece of text.
      request.on("error", () => response.destroy());
      request.on("end", () => {
        const host = names.get(request.socket.remoteAddress ?? "") ?? "";
        const told = JSON.parse(Buffer.concat(chunks).toString()) as Omit<Sighting, "atMs" | "host"> & { n: number };
        const key = `${told.token} ${told.kind} ${told.n}`;
        // Who got no answer tells again.
        if (!seen.has(key)) history.see({ ...told, host, atMs: performance.now() });
        seen.add(key);
        response.end();
      });
    });
  }

  static async start(network: Network, history: History): Promise<StepWitness> {
    const witness = new StepWitness(network, history);
    witness.#server.listen(0, network.outside);
    await once(witness.#server, "listening");
    return witness;
  }

  get url(): string {
    return `http://${this.#address}:${(this.#server.address() as AddressInfo).port}/`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
