import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { afterEach, describe, it } from "node:test";
import { PlatformError } from "@millrace/core";
import { EventStream, type EventStreamOptions, type StreamEvent } from "./event-stream.ts";

const OPTIONS: EventStreamOptions = { heartbeatMs: 60_000, stallMs: 60_000 };
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A server that answers every request with the events; what it is told of failures, it adds to the list. */
async function serve(
  events: (signal: AbortSignal) => AsyncIterable<StreamEvent>,
  options: Partial<EventStreamOptions> = {},
): Promise<{ url: string; port: number; closed: Promise<ServerResponse> }> {
  let finished: (response: ServerResponse) => void;
  const closed = new Promise<ServerResponse>((resolve) => (finished = resolve));
  const server = createServer((_, response) => {
    const gone = new AbortController();
    response.once("close", () => {
      gone.abort();
      finished(response);
    });
    const stream = new EventStream(response, [], { ...OPTIONS, ...options }, ({ reason }) => `{"reason":"${reason}"}`);
    stream.write(events(gone.signal), gone.signal).catch((thrown: PlatformError) => {
      response.writeHead(400);
      response.end(thrown.reason);
    });
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, port, closed };
}

function until(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

describe("a stream of events", () => {
  it("has each message with its cursor, and says where it ends", async () => {
    const { url } = await serve(async function* () {
      yield { json: '{"n":1}', cursor: "1.1" };
      yield { json: '{"n":2}', cursor: "" };
    });
    const response = await fetch(url);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    assert.equal(await response.text(), 'id: 1.1\ndata: {"n":1}\n\ndata: {"n":2}\n\nevent: end\ndata: {}\n\n');
  });

  it("fails as a request before its first message, and as an event behind it", async () => {
    // oxlint-disable-next-line require-yield
    const early = await serve(async function* () {
      await Promise.reject(new PlatformError("InvalidArgument", "EARLY", "early"));
    });
    const refused = await fetch(early.url);
    assert.deepEqual([refused.status, await refused.text()], [400, "EARLY"]);
    const late = await serve(async function* () {
      yield { json: "{}", cursor: "" };
      throw new PlatformError("Unavailable", "LATE", "late");
    });
    assert.equal(await (await fetch(late.url)).text(), 'data: {}\n\nevent: error\ndata: {"reason":"LATE"}\n\n');
  });

  it("opens before there is anything to say, and says that it is alive", async () => {
    const { url } = await serve(
      // oxlint-disable-next-line require-yield
      async function* (signal) {
        await until(signal);
      },
      { heartbeatMs: 20 },
    );
    const response = await fetch(url);
    const reader = response.body!.getReader();
    const { value } = await reader.read();
    assert.equal(Buffer.from(value!).toString(), ": \n\n");
    await reader.cancel();
  });

  it("asks for no more than its reader takes, and cuts one that takes nothing", async () => {
    let asked = 0;
    const { port, closed } = await serve(
      async function* () {
        for (;;) {
          asked++;
          yield { json: JSON.stringify("x".repeat(1 << 20)), cursor: "" };
        }
      },
      { stallMs: 300 },
    );
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.pause();
    socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    const response = await closed;
    assert.equal(response.writableFinished, false);
    assert.ok(asked < 30, `${asked} messages were asked for`);
    socket.destroy();
  });
});
