import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { Server } from "@grpc/grpc-js";
import type { PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";

/**
 * Lets clients such as grpcurl ask for the public contract and for health. They get the descriptors that buf made of the
 * contracts: those that `proto-loader` would derive at run time lack a file's imports and the names of map entries, and
 * grpcurl refuses them.
 */
export function addReflection(server: Server): void {
  const set = readFileSync(fileURLToPath(import.meta.resolve("@millrace/protocol/contracts.binpb")));
  const definition = {
    contracts: { format: "Protocol Buffer 3 DescriptorProto", type: {}, fileDescriptorProtos: filesOf(set) },
  };
  new ReflectionService(definition as unknown as PackageDefinition).addToServer(server);
}

/** The files of a `FileDescriptorSet`, still encoded. */
function filesOf(set: Uint8Array): Buffer[] {
  const reader = new BinaryReader(set);
  const files: Buffer[] = [];
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === 1) files.push(Buffer.from(reader.bytes()));
    else reader.skip(wireType, number);
  }
  return files;
}
