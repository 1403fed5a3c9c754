import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { AnswerStream } from "./answer-stream.ts";

const LIMITS = { patienceMs: 10, stallMs: 60_000 };

/** What is taken of a budget now. */
function budget() {
  const counted = {
    bytes: 0,
    take: (bytes: number) => void (counted.bytes += bytes),
    give: (bytes: number) => void (counted.bytes -= bytes),
  };
  return counted;
}

/** A server that answers nothing, and a client that has sent it so many requests. */
async function connectClient(text: string, requests: number) {
  const responses: ServerResponse[] = [];
  const server = createServer((_request, response) => void responses.push(response.on("error", () => {})));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1").on("error", () => {});
  socket.write(text);
  while (responses.length < requests) await once(server, "request");
  const close = async (): Promise<void> => {
    socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { responses, socket, [Symbol.asyncDispose]: close };
}

describe("AnswerStream", () => {
  it("refuses a piece for a client that has no headers yet, and counts nothing for it", async () => {
    const counted = budget();
    const stream = new AnswerStream({ status: 200, headers: [] }, LIMITS, counted);
    await assert.rejects(stream.write(0, Buffer.alloc(1000)), { reason: "STREAM_OUT_OF_ORDER" });
    assert.equal(counted.bytes, 0);
  });

  it("gives back the room of pieces that a connection takes away with it", async () => {
    await using client = await connectClient("GET /a HTTP/1.1\r\nhost: x\r\n\r\nGET /b HTTP/1.1\r\nhost: x\r\n\r\n", 2);
    const second = client.responses[1]!;
    const closed = once(second, "close");
    const counted = budget();
    const stream = new AnswerStream({ status: 200, headers: [] }, LIMITS, counted);
    stream.attach(second, true);
    assert.deepEqual(await stream.write(0, Buffer.alloc(100_000)), { full: true, gone: false });
    assert.equal(counted.bytes, 100_000);
    client.socket.destroy();
    await closed;
    assert.equal(counted.bytes, 0);
  });

  it("tells its step at once that there is no client when it is cut before the client has the headers", async () => {
    const stream = new AnswerStream({ status: 200, headers: [] }, LIMITS, budget());
    stream.cut();
    assert.equal(await stream.wanted, false);
    assert.equal(stream.gone, true);
  });

  for (const version of ["1.0", "1.1"]) {
    it(`lets a client of HTTP/${version} see that a body that was cut is not whole`, async () => {
      await using client = await connectClient(`GET /a HTTP/${version}\r\nhost: x\r\n\r\n`, 1);
      const read: string[] = [];
      client.socket.setEncoding("utf8").on("data", (text: string) => read.push(text));
      const reset = once(client.socket, "error", { signal: AbortSignal.timeout(5_000) }).then(() => true);
      const ended = once(client.socket, "end").then(() => false);
      const stream = new AnswerStream({ status: 200, headers: [] }, LIMITS, budget());
      stream.attach(client.responses[0]!, true);
      await stream.write(0, Buffer.from("some"));
      while (!read.join("").includes("some")) await once(client.socket, "data");
      stream.cut();
      const wasReset = await Promise.race([reset, ended]);
      assert.ok(wasReset || (version === "1.1" && !read.join("").endsWith("0\r\n\r\n")), read.join(""));
    });
  }

  it("gives up a client that does not take the rest of a body that is complete", async () => {
    await using client = await connectClient("GET /a HTTP/1.1\r\nhost: x\r\n\r\n", 1);
    client.socket.pause();
    const response = client.responses[0]!;
    const closed = once(response, "close");
    const counted = budget();
    const stream = new AnswerStream({ status: 200, headers: [] }, { ...LIMITS, stallMs: 50 }, counted);
    stream.attach(response, true);
    // More than the kernel takes for a client that does not read.
    const written = stream.write(0, Buffer.alloc(32 * 1024 * 1024));
    stream.end();
    await written;
    assert.notEqual(counted.bytes, 0);
    await closed;
    assert.equal(counted.bytes, 0);
  });
});
