import { getCACertificates } from "node:tls";
import {
  Client,
  Metadata,
  credentials,
  type CallOptions as GrpcCallOptions,
  type ClientDuplexStream,
  type ClientWritableStream,
} from "@grpc/grpc-js";
import type { MethodDefinition, RequestOf, ResponseOf, ServiceDefinition } from "./definitions.ts";
import { fromServiceError } from "./errors.ts";
import { quiet } from "./quiet.ts";

export interface GrpcClientOptions {
  /** gRPC's form: `host:port`, `unix:/path`. */
  address: string;
  /** Sent as `authorization: Bearer …`. */
  token?: string | undefined;
  tls?: boolean;
  /** For calls that set none. Default 30,000; streams have none. */
  deadlineMs?: number;
  /** Whether calls wait for a connection, up to their deadline, instead of failing while there is none. Default false. */
  waitForReady?: boolean;
  /** Largest message either way. Default 8 MiB. */
  messageBytesMax?: number;
}

/** Of one call. */
export interface CallOptions {
  deadlineMs?: number;
  signal?: AbortSignal;
  headers?: Readonly<Record<string, string>>;
}

/** A service as its callers see it: promises and async iterables, failing with the error that the server threw. */
export type GrpcClient<Definition extends ServiceDefinition> = {
  [Name in keyof Definition]: ClientMethod<Definition[Name]>;
} & {
  /** Ends the connection. */
  close(): void;
};

type ClientMethod<Method extends MethodDefinition> = Method["requestStream"] extends true
  ? Method["responseStream"] extends true
    ? (options?: CallOptions) => ClientDuplexStream<RequestOf<Method>, ResponseOf<Method>>
    : (requests: AsyncIterable<RequestOf<Method>>, options?: CallOptions) => Promise<ResponseOf<Method>>
  : Method["responseStream"] extends true
    ? (request: RequestOf<Method>, options?: CallOptions) => AsyncIterable<ResponseOf<Method>>
    : (request: RequestOf<Method>, options?: CallOptions) => Promise<ResponseOf<Method>>;

const MESSAGE_BYTES_MAX = 8 * 1024 * 1024;
const DEADLINE_MS = 30_000;

/** Those that Node trusts, NODE_EXTRA_CA_CERTS included: the gRPC library brings a list of its own, without them. */
function authorities(): Buffer {
  return Buffer.from(getCACertificates("default").join("\n"));
}

/** Makes a client of one service; it connects with its first call, and again after a loss. */
export function createGrpcClient<Definition extends ServiceDefinition>(
  definition: Definition,
  options: GrpcClientOptions,
): GrpcClient<Definition> {
  quiet();
  const limit = options.messageBytesMax ?? MESSAGE_BYTES_MAX;
  const client = new Client(
    options.address,
    options.tls === true ? credentials.createSsl(authorities()) : credentials.createInsecure(),
    {
      "grpc.max_receive_message_length": limit,
      "grpc.max_send_message_length": limit,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 2_000,
      // Its records of every call, which nobody reads here.
      "grpc.enable_channelz": 0,
    },
  );
  const methods: Record<string, unknown> = { close: () => client.close() };
  for (const [name, method] of Object.entries(definition)) methods[name] = clientMethod(client, method, options);
  return methods as GrpcClient<Definition>;
}

function clientMethod(client: Client, method: MethodDefinition, options: GrpcClientOptions): unknown {
  if (method.requestStream && !method.responseStream)
    return (requests: AsyncIterable<unknown>, call: CallOptions = {}) =>
      clientStream(client, method, options, requests, call);
  if (method.requestStream) return (call: CallOptions = {}) => duplex(client, method, options, call);
  if (method.responseStream)
    return (request: unknown, call: CallOptions = {}) => serverStream(client, method, options, request, call);
  return (request: unknown, call: CallOptions = {}) => unary(client, method, options, request, call);
}

function unary(
  client: Client,
  method: MethodDefinition,
  options: GrpcClientOptions,
  request: unknown,
  call: CallOptions,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const under = client.makeUnaryRequest(
      method.path,
      method.requestSerialize as (value: unknown) => Buffer,
      method.responseDeserialize,
      request,
      metadataOf(options, call),
      grpcOptions(call, options.deadlineMs ?? DEADLINE_MS),
      (error, response) => (error === null ? resolve(response) : reject(fromServiceError(error))),
    );
    cancelOn(call.signal, () => under.cancel());
  });
}

async function* serverStream(
  client: Client,
  method: MethodDefinition,
  options: GrpcClientOptions,
  request: unknown,
  call: CallOptions,
): AsyncGenerator<unknown> {
  const stream = client.makeServerStreamRequest(
    method.path,
    method.requestSerialize as (value: unknown) => Buffer,
    method.responseDeserialize,
    request,
    metadataOf(options, call),
    grpcOptions(call, undefined),
  );
  cancelOn(call.signal, () => stream.cancel());
  try {
    yield* stream as AsyncIterable<unknown>;
  } catch (thrown) {
    throw fromServiceError(thrown);
  } finally {
    stream.cancel();
  }
}

/** Sends as fast as the other side takes it, and stops when that has answered already. */
async function clientStream(
  client: Client,
  method: MethodDefinition,
  options: GrpcClientOptions,
  requests: AsyncIterable<unknown>,
  call: CallOptions,
): Promise<unknown> {
  let stream: ClientWritableStream<unknown> | undefined;
  let isAnswered = false;
  const answer = new Promise<unknown>((resolve, reject) => {
    stream = client.makeClientStreamRequest(
      method.path,
      method.requestSerialize as (value: unknown) => Buffer,
      method.responseDeserialize,
      metadataOf(options, call),
      grpcOptions(call, undefined),
      (error, response) => {
        isAnswered = true;
        if (error === null) resolve(response);
        else reject(fromServiceError(error));
      },
    );
  });
  const under = stream!;
  cancelOn(call.signal, () => under.cancel());
  const settled = answer.then(
    () => {},
    () => {},
  );
  try {
    for await (const request of requests) {
      if (isAnswered) break;
      if (!under.write(request)) await Promise.race([new Promise((resume) => under.once("drain", resume)), settled]);
    }
  } catch (thrown) {
    under.cancel();
    await settled;
    throw thrown;
  }
  under.end();
  return answer;
}

function duplex(
  client: Client,
  method: MethodDefinition,
  options: GrpcClientOptions,
  call: CallOptions,
): ClientDuplexStream<unknown, unknown> {
  const stream = client.makeBidiStreamRequest(
    method.path,
    method.requestSerialize as (value: unknown) => Buffer,
    method.responseDeserialize,
    metadataOf(options, call),
    grpcOptions(call, undefined),
  );
  cancelOn(call.signal, () => stream.cancel());
  return stream;
}

function metadataOf(options: GrpcClientOptions, call: CallOptions): Metadata {
  const metadata = new Metadata({ waitForReady: options.waitForReady ?? false });
  if (options.token !== undefined) metadata.set("authorization", `Bearer ${options.token}`);
  for (const [name, value] of Object.entries(call.headers ?? {})) metadata.set(name, value);
  return metadata;
}

function grpcOptions(call: CallOptions, fallbackMs: number | undefined): GrpcCallOptions {
  const deadlineMs = call.deadlineMs ?? fallbackMs;
  return deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
}

function cancelOn(signal: AbortSignal | undefined, cancel: () => void): void {
  if (signal === undefined) return;
  if (signal.aborted) cancel();
  else signal.addEventListener("abort", cancel, { once: true });
}
