import type { Network } from "../house/network.ts";
import { Listener } from "../witness.ts";
import type { History, Sighting } from "./history.ts";

/** Sees from outside of the house, and of every fault, which steps begin, go on and end, and where. */
export function startStepWitness(network: Network, history: History): Promise<Listener> {
  const names = new Map([...network.hosts.values()].map(({ name, address }) => [address, name]));
  const seen = new Set<string>();
  return Listener.start((told: Omit<Sighting, "atMs" | "host"> & { n: number }, { socket }) => {
    const host = names.get(socket.remoteAddress ?? "") ?? "";
    const key = `${told.token} ${told.kind} ${told.n}`;
    // Who got no answer tells again.
    if (!seen.has(key)) history.see({ ...told, host, atMs: performance.now() });
    seen.add(key);
  }, network.outside);
}
