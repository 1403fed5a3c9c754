import { fileURLToPath } from "node:url";
import type { Server } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { protoPath as healthProto } from "grpc-health-check";

/** Where the contracts are, beside the packages. */
export const PROTO_DIR = fileURLToPath(new URL("../../../proto/", import.meta.url));

/** Lets clients such as grpcurl ask for the contracts. Only this loads `.proto` files at run time: calls use generated code. */
export function addReflection(server: Server, contracts: readonly string[]): void {
  const definition = loadSync([...contracts, healthProto], { includeDirs: [PROTO_DIR], keepCase: true, longs: String, enums: String });
  new ReflectionService(definition).addToServer(server);
}
