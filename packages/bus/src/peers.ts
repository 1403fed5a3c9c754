import type { NatsConnection } from "@nats-io/transport-node";

/**
 * Tells whether a server of a cluster is cut off from most of the others. It goes on answering its clients then, while
 * nothing passes between them and everybody else. Servers tell their clients the addresses of the servers that they reach.
 */
export class Peers {
  #most = 0;

  /** True when this server reaches less than half of what has been seen of the cluster. */
  isCutOff(connection: NatsConnection): boolean {
    const reached = reachedBy(connection);
    this.#most = Math.max(this.#most, reached);
    return reached * 2 < this.#most;
  }
}

function reachedBy(connection: NatsConnection): number {
  return connection.info?.connect_urls?.length ?? 0;
}
