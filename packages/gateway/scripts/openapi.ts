import * as protocol from "@millrace/protocol";
import type { MethodDefinition, ServiceBinding } from "@millrace/rpc";
import type { ApiCaller } from "../src/api/api-caller.ts";
import { readContract } from "../src/rest/contract.ts";
import { openApiDocument } from "../src/rest/openapi.ts";

/** Prints the API's OpenAPI document from the contracts alone, as a gateway of this release serves it. */

type Definition = Readonly<Record<string, MethodDefinition>>;

function isApiService(value: unknown): value is Definition {
  const [method] = Object.values((value ?? {}) as Record<string, { path?: unknown }>);
  return typeof method?.path === "string" && method.path.startsWith("/millrace.api.v1.");
}

const handlers = new Proxy({}, { get: () => () => undefined });
const bindings = Object.values(protocol)
  .flatMap((part): unknown[] => (typeof part === "object" ? Object.values(part) : []))
  .filter(isApiService)
  .map((definition) => ({ definition, handlers }) as unknown as ServiceBinding<ApiCaller>);
process.stdout.write(JSON.stringify(openApiDocument(readContract(bindings), "0")));
