import { startHealthServer, type ReadyCheck } from "./health-server.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import type { RunningProcess } from "./run-process.ts";

/** What the parts of a process speak through: there before them and behind them. */
export interface Connection {
  readonly connected: boolean;
  drain(): Promise<void>;
}

/** A role that a process has: alone, or beside another one with which it shares its connection, health port and end. */
export interface ProcessPart<Shared extends Connection> {
  /** When it can do its work, beside being connected. */
  readonly checks: Readonly<Record<string, ReadyCheck>>;
  /** The share of the time for a stop that `drain` may take; together they get no more than all of it. */
  readonly drainShare: number;
  /** What `/status` tells of it. */
  status(): Readonly<Record<string, unknown>>;
  /** Connections that it has to the database. */
  databaseConnections(): number;
  open(connection: Shared): Promise<void>;
  /** Takes nothing more from outside the house, and answers what is under way; absent where nobody from outside comes. */
  closeDoors?(timeoutMs: number): Promise<void>;
  /** The same, and ends what is left of it. */
  drain(timeoutMs: number): Promise<void>;
}

/** What a process is made of. */
export interface PartsOptions<Shared extends Connection> {
  readonly healthHost: string;
  readonly healthPort: number;
  readonly drainTimeoutMs: number;
  readonly log: Logger;
  readonly metrics: Metrics;
  connect(): Promise<Shared>;
  /** Opened side by side, and drained one after the other. */
  readonly parts: readonly ProcessPart<Shared>[];
}

/** Starts the parts of a process behind one health port, on one connection, and ends them together. */
export async function startParts<Shared extends Connection>(options: PartsOptions<Shared>): Promise<RunningProcess> {
  const { parts, metrics, log } = options;
  const shared: { connection?: Shared; doors: "open" | "closing" | "closed" } = { doors: "open" };
  const isConnected = (): boolean => shared.connection?.connected === true;
  metrics.observe("millrace_nats_connected", "1 while connected to NATS.", () => (isConnected() ? 1 : 0));
  metrics.observe("millrace_database_connections", "Connections to the database.", () =>
    parts.reduce((sum, part) => sum + part.databaseConnections(), 0),
  );
  const health = await startHealthServer({
    host: options.healthHost,
    port: options.healthPort,
    checks: {
      nats: () => (isConnected() ? undefined : "not connected to NATS"),
      ...Object.assign({}, ...parts.map(({ checks }) => checks)),
    },
    status: () => ({ doors: shared.doors, ...Object.assign({}, ...parts.map((part) => part.status())) }),
    metrics,
  });
  log.info("health.listening", { port: health.port });
  const connection = await options.connect();
  shared.connection = connection;
  await Promise.all(parts.map((part) => part.open(connection)));
  const shares = Math.max(
    1,
    parts.reduce((sum, { drainShare }) => sum + drainShare, 0),
  );
  const timeOf = ({ drainShare }: ProcessPart<Shared>): number => (options.drainTimeoutMs * drainShare) / shares;
  return {
    closeDoors: async () => {
      health.drain();
      shared.doors = "closing";
      await Promise.all(parts.map(async (part) => part.closeDoors?.(timeOf(part))));
      shared.doors = "closed";
    },
    drain: async () => {
      health.drain();
      for (const part of parts) await part.drain(timeOf(part));
      await connection.drain();
      await health.close();
    },
  };
}
