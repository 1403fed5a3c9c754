import {
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
} from "@grpc/grpc-js";
import { OPAQUE } from "./opaque.ts";

/** A bare gRPC server that gives back what it is sent, by calls and on streams: the other side of the floor of a submit. Prints its port. */
const server = new Server();
server.addService(
  {
    echo: { ...OPAQUE, path: "/floor.Floor/Unary", requestStream: false, responseStream: false },
    stream: { ...OPAQUE, path: "/floor.Floor/Stream", requestStream: true, responseStream: true },
  },
  {
    echo: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => answer(null, call.request),
    stream: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on("data", (message: Buffer) => call.write(message));
      call.on("end", () => call.end());
    },
  },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`${port}\n`);
});
