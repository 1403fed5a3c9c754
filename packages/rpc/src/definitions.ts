import type { ServerDuplexStream } from "@grpc/grpc-js";

/** A method as the generated code defines it. */
export interface MethodDefinition {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (value: never) => Buffer;
  readonly requestDeserialize: (data: Buffer) => unknown;
  readonly responseSerialize: (value: never) => Buffer;
  readonly responseDeserialize: (data: Buffer) => unknown;
}

/** A service as the generated code defines it (`…ServiceService`). */
export type ServiceDefinition = Readonly<Record<string, MethodDefinition>>;

/** The message that a method takes. */
export type RequestOf<Method extends MethodDefinition> = ReturnType<Method["requestDeserialize"]>;
/** The message that a method gives. */
export type ResponseOf<Method extends MethodDefinition> = ReturnType<Method["responseDeserialize"]>;

/** How a server implements a service: promises and async iterables; both directions streamed is the stream itself. */
export type Handlers<Definition extends ServiceDefinition, Context> = {
  [Name in keyof Definition]: Handler<Definition[Name], Context>;
};

type Handler<Method extends MethodDefinition, Context> = Method["requestStream"] extends true
  ? Method["responseStream"] extends true
    ? (call: ServerDuplexStream<RequestOf<Method>, ResponseOf<Method>>, context: Context) => void | Promise<void>
    : (requests: AsyncIterable<RequestOf<Method>>, context: Context) => Promise<ResponseOf<Method>>
  : Method["responseStream"] extends true
    ? (request: RequestOf<Method>, context: Context) => AsyncIterable<ResponseOf<Method>>
    : (request: RequestOf<Method>, context: Context) => Promise<ResponseOf<Method>> | ResponseOf<Method>;
