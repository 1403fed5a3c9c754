import { readFileSync, watchFile } from "node:fs";
import { createSecureContext } from "node:tls";
import {
  Metadata,
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedHandleCall,
} from "@grpc/grpc-js";
import { PlatformError, coerceError } from "@millrace/core";
import { CallLife, Deadlines, type CallContext, type CallCredentials } from "./call-context.ts";
import type { Handlers, MethodDefinition, ServiceDefinition } from "./definitions.ts";
import { REQUEST_ID_HEADER, toGrpcFailure } from "./errors.ts";
import { addHealth, type Health } from "./health.ts";
import { quiet } from "./quiet.ts";
import { addReflection } from "./reflection.ts";

/** Receives what callers must not see; a telemetry logger fits. */
export interface RpcLog {
  warn(event: string, fields?: Record<string, unknown>): void;
  error(event: string, fields?: Record<string, unknown>): void;
}

/** A service with its implementation. */
export interface ServiceBinding<Principal> {
  readonly definition: ServiceDefinition;
  readonly handlers: Readonly<Record<string, (request: never, context: CallContext<Principal>) => unknown>>;
}

export interface GrpcServerOptions<Principal> {
  services: readonly ServiceBinding<Principal>[];
  /** Finds out who calls, or throws `Unauthenticated`. Health and reflection are open. */
  authenticate: (credentials: CallCredentials) => Principal | Promise<Principal>;
  log: RpcLog;
  /** Offer reflection of the public contract, v1 and v1alpha. */
  reflection?: boolean;
  /** Offer `grpc.health.v1.Health`. */
  health?: boolean;
  limits?: Partial<GrpcServerLimits>;
}

/** Bounds of a server. */
export interface GrpcServerLimits {
  /** Largest message either way. Default 8 MiB. */
  messageBytesMax: number;
  /** For a call that is no stream, however far away its own deadline is. Default 60,000. */
  unaryDeadlineMs: number;
  /** Calls at the same time on one connection. Default 1,024. */
  streamsPerConnectionMax: number;
  /** Silence after which a connection is pinged. Default 30,000. */
  keepaliveMs: number;
  /** For the answer to that ping. Default 10,000. */
  keepaliveTimeoutMs: number;
}

const DEFAULT_LIMITS: GrpcServerLimits = {
  messageBytesMax: 8 * 1024 * 1024,
  unaryDeadlineMs: 60_000,
  streamsPerConnectionMax: 1_024,
  keepaliveMs: 30_000,
  keepaliveTimeoutMs: 10_000,
};

/** Where a server's certificate and its key are, as PEM; renewed files are taken within seconds. */
export interface ServerCertificate {
  readonly certFile: string;
  readonly keyFile: string;
}

const CERTIFICATE_LOOK_MS = 5_000;

/** A gRPC server that is being set up or running. */
export interface GrpcServer {
  /** Told to health clients; false while draining. */
  setServing(serving: boolean): void;
  /** Listens on TCP, with TLS where there is a certificate; resolves to the port. */
  listen(host: string, port: number, certificate?: ServerCertificate): Promise<number>;
  /** Listens on what `address` names in gRPC's form, such as `unix:/run/x.sock`. */
  bind(address: string, certificate?: ServerCertificate): Promise<number>;
  /** Takes no new calls, waits for those under way, ends what is left at the deadline. */
  drain(timeoutMs: number): Promise<void>;
}

/** Binds a service to its implementation. */
export function implement<Principal, Definition extends ServiceDefinition>(
  definition: Definition,
  handlers: Handlers<Definition, CallContext<Principal>>,
): ServiceBinding<Principal> {
  return { definition, handlers: handlers as unknown as ServiceBinding<Principal>["handlers"] };
}

/** Makes a gRPC server: authentication, request ids, deadlines and error mapping around every call. */
export function createGrpcServer<Principal>(options: GrpcServerOptions<Principal>): GrpcServer {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  quiet();
  const server = new Server({
    "grpc.max_receive_message_length": limits.messageBytesMax,
    "grpc.max_send_message_length": limits.messageBytesMax,
    "grpc.max_concurrent_streams": limits.streamsPerConnectionMax,
    "grpc.keepalive_time_ms": limits.keepaliveMs,
    "grpc.keepalive_timeout_ms": limits.keepaliveTimeoutMs,
    // Its records of every call, which nobody reads here.
    "grpc.enable_channelz": 0,
  });
  const deadlines = new Deadlines(limits.unaryDeadlineMs);
  for (const binding of options.services) addService(server, binding, options, deadlines);
  if (options.reflection === true) addReflection(server);
  const health = options.health === true ? addHealth(server) : undefined;
  return new RunningServer(server, health);
}

function credentialsOf(certificate: ServerCertificate | undefined): ServerCredentials {
  return certificate === undefined ? ServerCredentials.createInsecure() : new RenewedCredentials(certificate);
}

/** TLS with a certificate that is taken anew when its file has changed; one that cannot be read leaves the old one. */
class RenewedCredentials extends ServerCredentials {
  readonly #certificate: ServerCertificate;

  constructor(certificate: ServerCertificate) {
    super({}, readPair(certificate));
    this.#certificate = certificate;
    for (const file of [certificate.certFile, certificate.keyFile])
      watchFile(file, { interval: CERTIFICATE_LOOK_MS, persistent: false }, () => this.#renew());
  }

  #renew(): void {
    try {
      const pair = readPair(this.#certificate);
      createSecureContext(pair);
      this.updateSecureContextOptions(pair);
    } catch {
      // Half of the pair is there: the change of the other half comes by here again.
    }
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function readPair({ certFile, keyFile }: ServerCertificate): { cert: Buffer; key: Buffer } {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

class RunningServer implements GrpcServer {
  #server: Server;
  #health: Health | undefined;

  constructor(server: Server, health: Health | undefined) {
    this.#server = server;
    this.#health = health;
  }

  setServing(serving: boolean): void {
    this.#health?.setServing(serving);
  }

  listen(host: string, port: number, certificate?: ServerCertificate): Promise<number> {
    return this.bind(`${host.includes(":") ? `[${host}]` : host}:${port}`, certificate);
  }

  bind(address: string, certificate?: ServerCertificate): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, credentialsOf(certificate), (cause, port) => {
        if (cause === null) return resolve(port);
        const reason = cause.message.includes("EADDRINUSE") ? "PORT_TAKEN" : "LISTEN_FAILED";
        const text = `the gRPC port ${address} cannot be used: ${cause.message}`;
        reject(new PlatformError("Unavailable", reason, text, { cause, metadata: { address } }));
      });
    });
  }

  drain(timeoutMs: number): Promise<void> {
    this.setServing(false);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#server.forceShutdown();
        resolve();
      }, timeoutMs);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** Stands for a message that could not be decoded; gRPC's library would blame the server for it. */
class MalformedRequest {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}

function addService<Principal>(
  server: Server,
  binding: ServiceBinding<Principal>,
  options: GrpcServerOptions<Principal>,
  deadlines: Deadlines,
): void {
  const definition: Record<string, MethodDefinition> = {};
  const implementation: Record<string, UntypedHandleCall> = {};
  for (const [name, method] of Object.entries(binding.definition)) {
    definition[name] = { ...method, requestDeserialize: tolerant(method.requestDeserialize) };
    const handler = binding.handlers[name]!.bind(binding.handlers) as unknown as AnyHandler<Principal>;
    implementation[name] = handle(method, handler, options, deadlines);
  }
  server.addService(definition as never, implementation);
}

function tolerant(deserialize: (data: Buffer) => unknown): (data: Buffer) => unknown {
  return (data) => {
    try {
      return deserialize(data);
    } catch (thrown) {
      return new MalformedRequest(thrown);
    }
  };
}

type AnyHandler<Principal> = (request: unknown, context: CallContext<Principal>) => unknown;

function handle<Principal>(
  method: MethodDefinition,
  handler: AnyHandler<Principal>,
  options: GrpcServerOptions<Principal>,
  deadlines: Deadlines,
): UntypedHandleCall {
  if (method.requestStream && !method.responseStream) {
    return ((call: ServerReadableStream<unknown, unknown>, callback: sendUnaryData<unknown>) =>
      void handleClientStream(call, callback, method, handler, options)) as UntypedHandleCall;
  }
  if (method.requestStream) {
    return ((call: ServerDuplexStream<unknown, unknown>) =>
      void handleStream(call, method, handler, options)) as UntypedHandleCall;
  }
  if (method.responseStream) {
    return ((call: ServerWritableStream<unknown, unknown>) =>
      void handleServerStream(call, method, handler, options)) as UntypedHandleCall;
  }
  return ((call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>) =>
    void handleUnary(call, callback, method, handler, options, deadlines)) as UntypedHandleCall;
}

/** Answers once: with what the handler makes, or, when it is over before that, with why. */
async function handleUnary<Principal>(
  call: ServerUnaryCall<unknown, unknown>,
  callback: sendUnaryData<unknown>,
  method: MethodDefinition,
  handler: AnyHandler<Principal>,
  options: GrpcServerOptions<Principal>,
  deadlines: Deadlines,
): Promise<void> {
  const life = new CallLife<Principal>(call, method.path, (reason) => callback(failure(reason, life, options.log)));
  deadlines.add(life as CallLife<never>);
  try {
    const found = contextOf(life, options);
    const context = found instanceof Promise ? await found : found;
    const answer = await handler(wellFormed(call.request), context);
    if (life.end()) callback(null, answer, trailer(life));
  } catch (thrown) {
    if (life.end()) callback(failure(thrown, life, options.log));
  } finally {
    deadlines.delete(life as CallLife<never>);
  }
}

async function handleServerStream<Principal>(
  call: ServerWritableStream<unknown, unknown>,
  method: MethodDefinition,
  handler: AnyHandler<Principal>,
  options: GrpcServerOptions<Principal>,
): Promise<void> {
  const life = new CallLife<Principal>(call, method.path);
  try {
    const context = await contextOf(life, options);
    const items = handler(wellFormed(call.request), context) as AsyncIterable<unknown>;
    for await (const item of items) {
      if (context.signal.aborted) break;
      if (!call.write(item)) await drained(call, context.signal);
    }
    call.end(trailer(life));
  } catch (thrown) {
    call.emit("error", failure(thrown, life, options.log));
  } finally {
    life.end();
  }
}

async function handleStream<Principal>(
  call: ServerDuplexStream<unknown, unknown>,
  method: MethodDefinition,
  handler: AnyHandler<Principal>,
  options: GrpcServerOptions<Principal>,
): Promise<void> {
  const life = new CallLife<Principal>(call, method.path);
  try {
    await handler(call, await contextOf(life, options));
  } catch (thrown) {
    call.emit("error", failure(thrown, life, options.log));
  } finally {
    life.end();
  }
}

/** Has no deadline of the server's own: how long it takes is what the caller has to send. */
async function handleClientStream<Principal>(
  call: ServerReadableStream<unknown, unknown>,
  callback: sendUnaryData<unknown>,
  method: MethodDefinition,
  handler: AnyHandler<Principal>,
  options: GrpcServerOptions<Principal>,
): Promise<void> {
  const life = new CallLife<Principal>(call, method.path);
  readOneAhead(call);
  try {
    const context = await contextOf(life, options);
    callback(null, await handler(messagesOf(call, context.signal), context), trailer(life));
  } catch (thrown) {
    callback(failure(thrown, life, options.log));
  } finally {
    life.end();
  }
}

/**
 * What a caller sends. Throws when the caller is gone, also while nothing comes; but to gRPC's library a call that is reset
 * may look like one that was ended well, so contracts whose messages are one whole mark the last one.
 */
async function* messagesOf(call: ServerReadableStream<unknown, unknown>, signal: AbortSignal): AsyncGenerator<unknown> {
  const messages = call[Symbol.asyncIterator]();
  const gone = new Promise<never>((_, reject) => {
    const leave = (): void => reject(signal.reason as PlatformError);
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
  });
  gone.catch(() => {});
  for (;;) {
    const next = await Promise.race([messages.next(), gone]);
    if (next.done === true) return;
    yield wellFormed(next.value);
  }
}

function contextOf<Principal>(
  life: CallLife<Principal>,
  options: GrpcServerOptions<Principal>,
): Promise<CallContext<Principal>> | CallContext<Principal> {
  const principal = options.authenticate(life);
  return principal instanceof Promise ? principal.then((found) => life.context(found)) : life.context(principal);
}

/**
 * A message that could be decoded, which those that a handler reads from its stream itself need not be.
 *
 * @throws PlatformError `MALFORMED_MESSAGE`
 */
export function wellFormed<Message>(request: Message): Message {
  if (!(request instanceof MalformedRequest)) return request;
  throw new PlatformError("InvalidArgument", "MALFORMED_MESSAGE", "the message is not one of this method's", {
    cause: request.cause,
  });
}

/** Resolves when the stream takes more, or when nobody reads it any longer. */
function drained(call: ServerWritableStream<unknown, unknown>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const go = (): void => {
      call.off("drain", go);
      signal.removeEventListener("abort", go);
      resolve();
    };
    call.once("drain", go);
    signal.addEventListener("abort", go, { once: true });
  });
}

/** Of a stream whose messages are taken one by one: its library reads sixteen ahead of that, however large they are; here one. */
export function readOneAhead(call: object): void {
  const { _readableState: state } = call as { readonly _readableState?: { highWaterMark: number } };
  if (state !== undefined) state.highWaterMark = 1;
}

function trailer(life: Pick<CallContext<unknown>, "requestId">): Metadata {
  const metadata = new Metadata();
  metadata.set(REQUEST_ID_HEADER, life.requestId);
  return metadata;
}

/** Maps what was thrown; what is ours alone goes to the log under the request id. */
function failure(thrown: unknown, life: Pick<CallContext<unknown>, "requestId" | "method">, log: RpcLog) {
  const error = coerceError(thrown);
  if (error.kind === "Internal")
    log.error("rpc.failed", { requestId: life.requestId, method: life.method, error: thrown });
  return { name: "ServiceError", message: error.reason, ...toGrpcFailure(error, life.requestId) };
}
