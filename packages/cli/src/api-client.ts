import { PlatformError } from "@millrace/core";
import { houseApi, runApi, variableApi, workflowApi } from "@millrace/protocol";
import { errorFromStatus } from "@millrace/rpc";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";

const CALL_TIMEOUT_MS = 30_000;
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;
const LOOK_UP_TIMEOUT_MS = 5_000;

/** Where a house is and how to be let in. */
export interface HouseAddress {
  /** Address of its gateway's HTTP port. */
  readonly url: string;
  /** Address of its gRPC port, `host:port`, where that is known; else the gateway is asked. */
  readonly grpc?: string;
  readonly apiKey: string;
}

/** The calls of the API by service, for `ApiClient.unary` and `ApiClient.stream`. */
export const api = {
  house: houseApi.HouseServiceService,
  runs: runApi.RunServiceService,
  variables: variableApi.VariableServiceService,
  workflows: workflowApi.WorkflowServiceService,
};

/** One call of a service, as the generated code describes it. */
interface Method<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (value: Request) => Buffer;
  readonly responseDeserialize: (value: Buffer) => Response;
}

/** The gRPC API of a house, with every failure as a `PlatformError`. */
export interface ApiClient {
  readonly url: string;
  /** Makes one call: `client.unary(api.runs.getRun, { name })`. */
  unary<Request, Response>(method: Method<Request, Response>, request: Request, timeoutMs?: number): Promise<Response>;
  /** Reads a stream to its end, or until the caller stops reading or aborts. */
  stream<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    signal?: AbortSignal,
  ): AsyncGenerator<Response>;
  close(): void;
}

/** Connects to the house at an address; asks it for the address of its gRPC port where that is not known. */
export async function openApiClient(address: HouseAddress): Promise<ApiClient> {
  const { target, secure } = parseGrpcAddress(address.grpc ?? (await lookUpGrpc(address.url)));
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${address.apiKey}`);
  const security = secure ? credentials.createSsl() : credentials.createInsecure();
  const grpc = new Client(target, security, {
    "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
    "grpc.max_send_message_length": -1,
  });
  return {
    url: address.url,
    unary: (method, request, timeoutMs = CALL_TIMEOUT_MS) => callUnary(grpc, metadata, method, request, timeoutMs),
    stream: (method, request, signal) => callStream(grpc, metadata, method, request, signal),
    close: () => grpc.close(),
  };
}

function callUnary<Request, Response>(
  grpc: Client,
  metadata: Metadata,
  { path, requestSerialize, responseDeserialize }: Method<Request, Response>,
  request: Request,
  timeoutMs: number,
): Promise<Response> {
  const options = { deadline: Date.now() + timeoutMs };
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, response?: Response): void => {
      if (error) reject(errorFromStatus(error));
      else if (response === undefined)
        reject(new PlatformError("Internal", "EMPTY_ANSWER", `${path} answered nothing.`));
      else resolve(response);
    };
    grpc.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, options, done);
  });
}

async function* callStream<Request, Response>(
  grpc: Client,
  metadata: Metadata,
  { path, requestSerialize, responseDeserialize }: Method<Request, Response>,
  request: Request,
  signal?: AbortSignal,
): AsyncGenerator<Response> {
  const call = grpc.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata);
  const stop = (): void => call.cancel();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    for await (const message of call) yield message as Response;
  } catch (error) {
    if (!signal?.aborted) throw errorFromStatus(error as ServiceError);
  } finally {
    signal?.removeEventListener("abort", stop);
    call.cancel();
  }
}

/** Asks the gateway for its gRPC address. */
async function lookUpGrpc(url: string): Promise<string> {
  const place = new URL("/.well-known/millrace", url);
  const response = await fetch(place, { signal: AbortSignal.timeout(LOOK_UP_TIMEOUT_MS) }).catch((cause: unknown) => {
    const message = `No house answers at ${url}. Is it running? "npx millrace dev" starts one here.`;
    throw new PlatformError("Unavailable", "HOUSE_UNREACHABLE", message, { metadata: { url }, cause });
  });
  const text = await response.text();
  const address = response.ok ? grpcAddressOf(text) : undefined;
  if (address === undefined) {
    const message = `${place.href} does not answer like a house of Millrace (HTTP ${response.status}).`;
    throw new PlatformError("Unavailable", "NOT_A_HOUSE", message, { metadata: { url } });
  }
  return address;
}

function grpcAddressOf(text: string): string | undefined {
  try {
    const { grpc } = JSON.parse(text) as { grpc?: unknown };
    return typeof grpc === "string" ? grpc : undefined;
  } catch {
    return undefined;
  }
}

/** Reads `host:port`, `grpc://host:port` or, encrypted, `grpcs://host:port`. */
function parseGrpcAddress(address: string): { target: string; secure: boolean } {
  const [, scheme, target] = /^(?:(\w+):\/\/)?(.*?)\/?$/.exec(address) ?? [];
  return { target: target ?? address, secure: scheme === "grpcs" || scheme === "https" };
}
