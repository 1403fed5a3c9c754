export { Bus, connectBus } from "./bus.ts";
export type {
  BusCounters,
  BusHeaders,
  BusLimits,
  BusOptions,
  BusStatus,
  BusSubscription,
  MessageHandler,
  MessageMeta,
} from "./bus.ts";
export { silentLog, type BusLog } from "./bus-errors.ts";
export * from "./identity/index.ts";
export { revokeKeys } from "./identity/revoke.ts";
export type { TlsFiles } from "./tls.ts";
export {
  findLeases,
  openLeases,
  readLeases,
  type LeaseOptions,
  type LeasePlaces,
  type Leases,
  type LeaseView,
} from "./leases/leases.ts";
export { openLogSink, openLogStream, type LogSink, type LogStream } from "./log-stream.ts";
export type { LogFilter, LogLosses, LogReader, LogStreamLimits, LogWriter } from "./log-types.ts";
export type { Channel, ChannelHandler, ChannelMeta, Service } from "./channel.ts";
export { openChannels, type Channels, type Definitions, type RunnerSelf } from "./messages.ts";
export { sharePrimary, type PrimaryKnowledge } from "./share-primary.ts";
export type { Replicas } from "./streams.ts";
export {
  ANYONE,
  poolOf,
  queueGroups,
  subjects,
  type GatewayKind,
  type PartitionKind,
  type RunnerKind,
  type ServiceKind,
} from "./subjects.ts";
export * as wire from "./wire.ts";
