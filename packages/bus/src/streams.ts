import { jetstream, jetstreamManager, JetStreamApiError, type JetStreamClient, type JetStreamManager, type StreamConfig } from "@nats-io/jetstream";
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

/** True for the errors of a stream that is not there (any more). */
export function isStreamMissing(thrown: unknown): boolean {
  return thrown instanceof JetStreamApiError && thrown.code === STREAM_NOT_FOUND;
}

const STREAM_NOT_FOUND = 10059;
const STREAM_NAME_IN_USE = 10058;

/** Makes a stream, or brings one that is there up to the settings: several processes may do so at once. */
export async function ensureStream(streams: Streams, config: Partial<StreamConfig> & { name: string }): Promise<void> {
  try {
    await streams.manager.streams.add(config);
  } catch (thrown) {
    if (!(thrown instanceof JetStreamApiError) || thrown.code !== STREAM_NAME_IN_USE) throw thrown;
    await streams.manager.streams.update(config.name, config);
  }
}
