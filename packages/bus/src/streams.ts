import {
  jetstream,
  jetstreamManager,
  JetStreamApiError,
  type ConsumerConfig,
  type JetStreamClient,
  type JetStreamManager,
  type StreamConfig,
} from "@nats-io/jetstream";
import { connectionOf, type Bus } from "./bus.ts";

/** What the file of a stream or bucket works with; bound to one connection, so fetched anew for each use. */
export interface Streams {
  client: JetStreamClient;
  manager: JetStreamManager;
  /** Whether the server is one of a cluster. */
  clustered: boolean;
}

const opened = new WeakMap<object, Promise<Streams>>();

/** JetStream over the bus's present connection. */
export function streamsOf(bus: Bus, what: string, timeoutMs = 2_000): Promise<Streams> {
  const connection = connectionOf(bus, what);
  let streams = opened.get(connection);
  if (streams === undefined) {
    streams = jetstreamManager(connection, { timeout: timeoutMs, checkAPI: false }).then((manager) => ({
      manager,
      client: jetstream(connection, { timeout: timeoutMs }),
      clustered: connection.info?.cluster !== undefined,
    }));
    opened.set(connection, streams);
  }
  return streams;
}

const STREAM_NAME_IN_USE = 10058;
const CONSUMER_EXISTS = 10148;
/** The cluster has fewer servers than copies are wanted, or the server is in none. */
const TOO_FEW_SERVERS = new Set([10005, 10074]);

/** How many copies a stream has in a cluster; `auto`: three where three servers are, else one. */
export type Replicas = "auto" | 1 | 3 | 5;

const REPLICAS_AUTO = 3;

/**
 * Makes a stream, or brings one that is there up to the settings: several processes may do so at once. `keep` says what of
 * one that is there stays as it is. Copies are only ever added. Returns false when there are not enough servers (yet) for
 * all the copies that are wanted.
 */
export async function ensureStream(
  streams: Streams,
  config: Partial<StreamConfig> & { name: string },
  replicas: Replicas,
  keep: (there: StreamConfig) => Partial<StreamConfig> = () => ({}),
): Promise<boolean> {
  const wanted = replicas === "auto" ? (streams.clustered ? REPLICAS_AUTO : 1) : replicas;
  try {
    await makeStream(streams, { ...config, num_replicas: wanted }, keep);
    return true;
  } catch (thrown) {
    if (wanted === 1 || !(thrown instanceof JetStreamApiError) || !TOO_FEW_SERVERS.has(thrown.code)) throw thrown;
    await makeStream(streams, { ...config, num_replicas: 1 }, keep);
    return false;
  }
}

async function makeStream(
  { manager }: Streams,
  config: Partial<StreamConfig> & { name: string; num_replicas: number },
  keep: (there: StreamConfig) => Partial<StreamConfig>,
): Promise<void> {
  try {
    await manager.streams.add(config);
  } catch (thrown) {
    if (!isApiError(thrown, STREAM_NAME_IN_USE)) throw thrown;
    const { config: there } = await manager.streams.info(config.name);
    const num_replicas = Math.max(there.num_replicas, config.num_replicas);
    await manager.streams.update(config.name, { ...config, num_replicas, ...keep(there) });
  }
}

/** Makes a durable consumer, or brings one that is there up to the settings. */
export async function ensureConsumer(
  streams: Streams,
  stream: string,
  config: Partial<ConsumerConfig> & { durable_name: string },
): Promise<void> {
  try {
    await streams.manager.consumers.add(stream, config);
  } catch (thrown) {
    if (!isApiError(thrown, CONSUMER_EXISTS)) throw thrown;
    await streams.manager.consumers.update(stream, config.durable_name, config);
  }
}

/** Whether JetStream has refused something for this reason. */
export function isApiError(thrown: unknown, code: number): boolean {
  return thrown instanceof JetStreamApiError && thrown.code === code;
}
