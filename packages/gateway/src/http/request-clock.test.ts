import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request as open, type ClientRequest, type Server } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { RequestClock } from "./request-clock.ts";

const LIMIT_MS = 500;

describe("a request that takes its time", () => {
  let server: Server;
  let late: string[] = [];
  const clock = new RequestClock(LIMIT_MS, (request) => {
    late.push(request.url ?? "");
    request.destroy();
  });

  before(async () => {
    server = createServer((request, response) => {
      clock.begin(request, performance.now());
      if (request.url === "/upload") clock.prolong(request);
      response.once("close", () => clock.answered(request));
      if (request.url === "/early") response.end("no need of the rest");
      request.on("error", () => undefined);
      request.resume().once("end", () => response.end("whole"));
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
  });
  after(() => {
    clock.stop();
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    late = [];
  });

  function post(path: string): ClientRequest {
    const { port } = server.address() as AddressInfo;
    const request = open({ host: "127.0.0.1", port, path, method: "POST", agent: false });
    request.on("error", () => undefined);
    return request;
  }

  function closed(request: ClientRequest): Promise<undefined> {
    return new Promise((resolve) => request.once("close", () => resolve(undefined)));
  }

  /** Sends a piece now and then for longer than the limit; the status, or undefined when it was cut. */
  async function drip(path: string, pauseMs: number, pieces: number): Promise<number | undefined> {
    const request = post(path);
    const answered = new Promise<number | undefined>((resolve) =>
      request.once("response", ({ statusCode }) => resolve(statusCode)),
    );
    const cut = closed(request);
    for (let piece = 0; piece < pieces && !request.destroyed; piece++) {
      request.write("x".repeat(100));
      await sleep(pauseMs);
    }
    request.end();
    return Promise.race([answered, cut]);
  }

  test("is ended when it is not whole in time, however steadily it comes", async () => {
    assert.equal(await drip("/call", LIMIT_MS / 10, 30), undefined);
    assert.deepEqual(late, ["/call"]);
  });

  test("may be an upload of any length while something of it arrives", async () => {
    assert.equal(await drip("/upload", LIMIT_MS / 10, 30), 200);
    assert.deepEqual(late, []);
  });

  test("is ended as an upload when nothing of it arrives any more", async () => {
    const request = post("/upload");
    request.write("x");
    await closed(request);
    assert.deepEqual(late, ["/upload"]);
  });

  test("has to arrive in time also when it was answered before its end", async () => {
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1").resume();
    socket.write("POST /early HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nx");
    await once(socket, "close");
    assert.deepEqual(late, ["/early"]);
  });

  test("is not watched once it is whole, or without a body", async () => {
    const { port } = server.address() as AddressInfo;
    for (const body of [undefined, "x"]) {
      const method = body === undefined ? "GET" : "POST";
      const response = await fetch(`http://127.0.0.1:${port}/call`, { method, ...(body !== undefined && { body }) });
      assert.equal(await response.text(), "whole");
    }
    await sleep(LIMIT_MS * 2);
    assert.deepEqual(late, []);
  });
});
