import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { describe, it, mock } from "node:test";
import { writeAnswer } from "./write-answer.ts";

describe("writeAnswer", () => {
  it("gives up a client that takes nothing of a large answer", async () => {
    const server = createServer();
    await once(server.listen(0, "127.0.0.1"), "listening");
    const client = connect((server.address() as AddressInfo).port, "127.0.0.1").on("error", () => {});
    client.pause();
    client.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    const [request, response] = (await once(server, "request")) as [IncomingMessage, ServerResponse];
    response.on("error", () => {});
    const waits = mock.method(response, "setTimeout");
    writeAnswer(request, response, { status: 200, headers: [], body: Buffer.alloc(32 * 1024 * 1024) });
    const [ms, giveUp] = waits.mock.calls[0]!.arguments as [number, () => void];
    assert.equal(response.socket!.timeout, ms);
    assert.equal(response.writableFinished, false);
    giveUp();
    await once(response, "close");
    client.destroy();
    server.close();
  });
});
