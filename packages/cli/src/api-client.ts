import { PlatformError } from "@millrace/core";
import {
  accountApi,
  dataStoreApi,
  deadLetterApi,
  fileApi,
  historyApi,
  houseApi,
  poolApi,
  projectApi,
  runApi,
  variableApi,
  workflowApi,
} from "@millrace/protocol";
import { createGrpcClient, type GrpcClient } from "@millrace/rpc";

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

/** The gRPC API of a house, with every failure as a `PlatformError`. */
export interface ApiClient {
  readonly url: string;
  readonly accounts: GrpcClient<typeof accountApi.AccountServiceService>;
  readonly dataStores: GrpcClient<typeof dataStoreApi.DataStoreServiceService>;
  readonly deadLetters: GrpcClient<typeof deadLetterApi.DeadLetterServiceService>;
  readonly files: GrpcClient<typeof fileApi.FileServiceService>;
  readonly history: GrpcClient<typeof historyApi.HistoryServiceService>;
  readonly house: GrpcClient<typeof houseApi.HouseServiceService>;
  readonly pools: GrpcClient<typeof poolApi.PoolServiceService>;
  readonly project: GrpcClient<typeof projectApi.ProjectServiceService>;
  readonly runs: GrpcClient<typeof runApi.RunServiceService>;
  readonly variables: GrpcClient<typeof variableApi.VariableServiceService>;
  readonly workflows: GrpcClient<typeof workflowApi.WorkflowServiceService>;
  close(): void;
}

/** Opens the API of the house at an address; asks its gateway for the gRPC port where that is not known. */
export async function openApiClient(given: HouseAddress): Promise<ApiClient> {
  const { address, tls } = parseGrpcAddress(given.grpc ?? (await lookUpGrpc(given.url)));
  // A gateway that has just died is back in seconds: calls wait for it up to their deadline.
  const options = { address, tls, token: given.apiKey, messageBytesMax: MESSAGE_BYTES_MAX, waitForReady: true };
  const clients = {
    accounts: createGrpcClient(accountApi.AccountServiceService, options),
    dataStores: createGrpcClient(dataStoreApi.DataStoreServiceService, options),
    deadLetters: createGrpcClient(deadLetterApi.DeadLetterServiceService, options),
    files: createGrpcClient(fileApi.FileServiceService, options),
    history: createGrpcClient(historyApi.HistoryServiceService, options),
    house: createGrpcClient(houseApi.HouseServiceService, options),
    pools: createGrpcClient(poolApi.PoolServiceService, options),
    project: createGrpcClient(projectApi.ProjectServiceService, options),
    runs: createGrpcClient(runApi.RunServiceService, options),
    variables: createGrpcClient(variableApi.VariableServiceService, options),
    workflows: createGrpcClient(workflowApi.WorkflowServiceService, options),
  };
  return {
    url: given.url,
    ...clients,
    close: () => {
      for (const client of Object.values(clients)) client.close();
    },
  };
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
function parseGrpcAddress(text: string): { address: string; tls: boolean } {
  const [, scheme, address] = /^(?:(\w+):\/\/)?(.*?)\/?$/.exec(text) ?? [];
  return { address: address ?? text, tls: scheme === "grpcs" || scheme === "https" };
}
