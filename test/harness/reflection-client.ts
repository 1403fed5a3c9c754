import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Client, credentials, loadPackageDefinition, Metadata, type ServiceDefinition } from "@grpc/grpc-js";
import { loadFileDescriptorSetFromBuffer, loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { BinaryWriter } from "@bufbuild/protobuf/wire";

interface ReflectionCall {
  write(request: unknown): void;
  end(): void;
  on(event: "data", listener: (response: ReflectionResponse) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
}

interface ReflectionResponse {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] };
  readonly errorResponse?: { readonly errorMessage: string };
}

/** A client that knows nothing but an address: everything else it learns by reflection, as `grpcurl` does. */
export class ReflectionClient {
  readonly #address: string;
  readonly #metadata = new Metadata();
  readonly #client: Client & { ServerReflectionInfo(): ReflectionCall };

  constructor(address: string, apiKey: string) {
    this.#address = address;
    this.#metadata.set("authorization", `Bearer ${apiKey}`);
    const folder = dirname(createRequire(import.meta.url).resolve("@grpc/reflection/package.json"));
    const file = join(folder, "build/proto/grpc/reflection/v1/reflection.proto");
    const loaded = loadPackageDefinition(loadSync(file)) as unknown as {
      grpc: { reflection: { v1: { ServerReflection: new (...args: unknown[]) => never } } };
    };
    this.#client = new loaded.grpc.reflection.v1.ServerReflection(address, credentials.createInsecure());
  }

  /** Names of the services that the server tells about. */
  async listServices(): Promise<string[]> {
    const response = await this.#ask({ listServices: "*" });
    return (response.listServicesResponse?.service ?? []).map(({ name }) => name);
  }

  /** Makes one unary call by names alone. */
  async call(service: string, method: string, request: unknown): Promise<Record<string, unknown>> {
    const { client, definition } = await this.#open(service, method);
    return new Promise((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = definition;
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        this.#metadata,
        (error, response) => {
          client.close();
          if (error) reject(error);
          else resolve(response as Record<string, unknown>);
        },
      );
    });
  }

  /** Reads a server's stream to its end. */
  async stream(service: string, method: string, request: unknown): Promise<Record<string, unknown>[]> {
    const { client, definition } = await this.#open(service, method);
    const { path, requestSerialize, responseDeserialize } = definition;
    const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, this.#metadata);
    const messages: Record<string, unknown>[] = [];
    for await (const message of call) messages.push(message as Record<string, unknown>);
    client.close();
    return messages;
  }

  close(): void {
    this.#client.close();
  }

  async #open(service: string, method: string) {
    const definitions = await this.#describe(service);
    const definition = (definitions[service] as ServiceDefinition)[method];
    if (definition === undefined) throw new Error(`${service} has no ${method}`);
    return { client: new Client(this.#address, credentials.createInsecure()), definition };
  }

  async #describe(service: string): Promise<PackageDefinition> {
    const response = await this.#ask({ fileContainingSymbol: service });
    const files = new Map<string, Buffer>();
    for (const file of response.fileDescriptorResponse?.fileDescriptorProto ?? [])
      files.set(file.toString("latin1"), file);
    return loadFileDescriptorSetFromBuffer(descriptorSet([...files.values()]), { enums: String, longs: Number });
  }

  #ask(request: unknown): Promise<ReflectionResponse> {
    return new Promise((resolve, reject) => {
      const call = this.#client.ServerReflectionInfo();
      call.on("data", (response) => {
        if (response.errorResponse) reject(new Error(response.errorResponse.errorMessage));
        else resolve(response);
        call.end();
      });
      call.on("error", reject);
      call.write(request);
    });
  }
}

/** Wraps files as a `google.protobuf.FileDescriptorSet`. */
function descriptorSet(files: readonly Buffer[]): Buffer {
  const writer = new BinaryWriter();
  for (const file of files) writer.uint32(10).bytes(file);
  return Buffer.from(writer.finish());
}
