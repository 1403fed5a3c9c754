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
    }));
    opened.set(connection, streams);
  }
  return streams;
}

const STREAM_NOT_FOUND = 10059;
const STREAM_NAME_IN_USE = 10058;
const CONSUMER_EXISTS = 10148;

/** Makes a stream, or brings one that is there up to the settings: several processes may do so at once. */
export async function ensureStream(streams: Streams, config: Partial<StreamConfig> & { name: string }): Promise<void> {
  try {
    await streams.manager.streams.add(config);
  } catch (thrown) {
    if (!isApiError(thrown, STREAM_NAME_IN_USE)) throw thrown;
    await streams.manager.streams.update(config.name, config);
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

/** True for the errors of a stream that is not there (any more). */
export function isStreamMissing(thrown: unknown): boolean {
  return isApiError(thrown, STREAM_NOT_FOUND);
}

function isApiError(thrown: unknown, code: number): boolean {
  return thrown instanceof JetStreamApiError && thrown.code === code;
}
