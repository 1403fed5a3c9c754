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
export { openLeases, readLeases, type LeaseOptions, type Leases, type LeaseView } from "./leases.ts";
export { openLogStream, type LogStream } from "./log-stream.ts";
export type { LogFilter, LogLosses, LogReader, LogStreamLimits, LogWriter } from "./log-types.ts";
export {
  openChannels,
  type Channel,
  type ChannelHandler,
  type Channels,
  type Definitions,
  type Service,
} from "./messages.ts";
export type { Replicas } from "./streams.ts";
export {
  queueGroups,
  subjects,
  type GatewayKind,
  type PartitionKind,
  type RunnerKind,
  type ServiceKind,
} from "./subjects.ts";
export * as wire from "./wire.ts";
