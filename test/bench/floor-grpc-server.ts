import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from "@grpc/grpc-js";
import { OPAQUE } from "./opaque.ts";

/** A bare gRPC server that gives back what it is sent: the other side of the floor of a submit. Prints its port. */
const server = new Server();
server.addService(
  { echo: { ...OPAQUE, path: "/floor.Floor/Unary", requestStream: false, responseStream: false } },
  { echo: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => answer(null, call.request) },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`${port}\n`);
});
