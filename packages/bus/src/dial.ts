import { readFileSync } from "node:fs";
import {
  connect,
  credsAuthenticator,
  jwtAuthenticator,
  type ConnectionOptions,
  type NatsConnection,
} from "@nats-io/transport-node";
import { isRefusal } from "./bus-errors.ts";
import type { LinkLimits, LinkOptions } from "./link.ts";
import { tlsOptions } from "./tls.ts";

/** A try at one server begins this long after the one before it has brought nothing yet. */
const STAGGER_MS = 250;

/** The servers that the house's setting names. */
export function serversOf(url: string): string[] {
  return url.split(",").map((server) => server.trim());
}

/** A connection and the server that it goes to, as the setting names it. */
export interface Dialled {
  readonly connection: NatsConnection;
  readonly server: string;
}

/**
 * Connects to one of the servers, in random order, the one to avoid last. A server that hangs takes the connection and says
 * nothing, so the next one is tried soon beside it, and the first that answers is taken. Throws what the last one said
 * when none does, and at once when one refuses the credentials: the others would as well.
 */
export function dial(options: LinkOptions, limits: LinkLimits, avoid: string | undefined): Promise<Dialled> {
  const waiting = inRandomOrder(serversOf(options.url), avoid);
  return new Promise((resolve, reject) => {
    let underWay = 0;
    let settled = false;
    let timer: NodeJS.Timeout | undefined;
    const settle = (act: () => void): void => {
      settled = true;
      clearTimeout(timer);
      act();
    };
    const failed = (thrown: unknown): void => {
      underWay--;
      if (settled) return;
      if (isRefusal(thrown) || (waiting.length === 0 && underWay === 0)) settle(() => reject(thrown));
      else next();
    };
    const next = (): void => {
      clearTimeout(timer);
      const server = waiting.shift();
      if (server === undefined) return;
      underWay++;
      connect(connectionOptions(options, limits, server)).then((connection) => {
        underWay--;
        if (settled) void connection.close();
        else settle(() => resolve({ connection, server }));
      }, failed);
      timer = setTimeout(next, STAGGER_MS);
    };
    next();
  });
}

function inRandomOrder(servers: string[], avoid: string | undefined): string[] {
  const rank = (server: string): number => Math.random() + (server === avoid ? 1 : 0);
  return servers
    .map((server) => ({ server, rank: rank(server) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ server }) => server);
}

function connectionOptions(options: LinkOptions, limits: LinkLimits, server: string): ConnectionOptions {
  return {
    servers: [server],
    name: options.name,
    timeout: limits.connectTimeoutMs,
    reconnect: false,
    noAsyncTraces: true,
    ...(options.inboxPrefix !== undefined && { inboxPrefix: options.inboxPrefix }),
    ...tlsOptions(options.tls),
    ...authentication(options),
  };
}

function authentication({ credentials, credentialsFile, user, password }: LinkOptions): ConnectionOptions {
  if (credentials !== undefined) {
    const { jwt, seed } = credentials();
    return { authenticator: jwtAuthenticator(jwt, Buffer.from(seed)) };
  }
  if (credentialsFile !== undefined) return { authenticator: credsAuthenticator(readFileSync(credentialsFile)) };
  return { ...(user !== undefined && { user }), ...(password !== undefined && { pass: password }) };
}
