export { bearerOf, requestIdOf, type CallContext, type CallCredentials } from "./call-context.ts";
export { createGrpcClient, type CallOptions, type GrpcClient, type GrpcClientOptions } from "./client.ts";
export type { Handlers, MethodDefinition, RequestOf, ResponseOf, ServiceDefinition } from "./definitions.ts";
export {
  ERROR_DOMAIN,
  REQUEST_ID_HEADER,
  RETRY_DELAY_KEY,
  fromFailure,
  fromServiceError,
  toFailure,
  toGrpcFailure,
  toHttpFailure,
  type Failure,
  type GrpcFailure,
  type HttpFailure,
} from "./errors.ts";
export {
  createGrpcServer,
  implement,
  readOneAhead,
  wellFormed,
  type GrpcServer,
  type GrpcServerLimits,
  type GrpcServerOptions,
  type RpcLog,
  type ServiceBinding,
} from "./server.ts";
export { grpcStatusOf, httpStatusOf, kindOfGrpcStatus, kindOfHttpStatus } from "./status.ts";
export { listenUnix } from "./unix-socket.ts";
