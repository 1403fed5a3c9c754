import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";

import { follow, stream } from "./event-stream.ts";
import { ApiError } from "./http.ts";

type Answer = (response: ServerResponse) => void;

const event = (n: number): string => `data: {"n":${n}}\n\n`;
const END = "event: end\ndata: {}\n\n";

describe("a stream of the API", () => {
  const realFetch = globalThis.fetch;
  let server: Server;
  /** What the next requests get, one after the other; the last one again and again. */
  let answers: Answer[] = [];
  let asked = 0;
  let lastUrl = "";

  before(async () => {
    server = createServer((request, response) => {
      asked += 1;
      lastUrl = request.url ?? "";
      response.writeHead(200, { "content-type": "text/event-stream" });
      (answers.length > 1 ? answers.shift()! : answers[0]!)(response);
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    // A page has an origin of its own, a test has not.
    globalThis.fetch = (path, init) => realFetch(new URL(String(path), base), init);
  });
  after(() => {
    globalThis.fetch = realFetch;
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    asked = 0;
  });

  async function numbers(): Promise<number[]> {
    const found: number[] = [];
    const { signal } = new AbortController();
    for await (const { n } of stream<{ n: number }>("GET", "x", { signal })) found.push(n);
    return found;
  }

  test("is whole when its end has come", async () => {
    answers = [(response) => response.end(event(1) + event(2) + END)];
    assert.deepEqual(await numbers(), [1, 2]);
  });

  test("that is cut is an error that people understand, also when nobody has said so", async () => {
    const isBroken = (error: unknown): boolean =>
      error instanceof ApiError && /connection .* broke/.test(error.message);
    answers = [(response) => response.end(event(1))];
    await assert.rejects(numbers(), isBroken);
    answers = [(response) => response.write(event(1), () => response.destroy())];
    await assert.rejects(numbers(), isBroken);
  });

  test("is opened again when it was cut, and not once more when it has ended", async () => {
    answers = [(response) => response.end(event(1)), (response) => response.end(event(2) + END)];
    const [events, states] = [[] as number[], [] as boolean[]];
    await follow<{ n: number }>("x", new AbortController().signal, {
      event: ({ n }) => events.push(n),
      state: (live) => states.push(live),
    });
    assert.deepEqual([events, states, asked], [[1, 2], [true, false, true], 2]);
  });

  test("goes on where it was cut: what it asks for is said anew each time", async () => {
    answers = [(response) => response.end(event(7)), (response) => response.end(END)];
    let behind = 0;
    const on = { event: ({ n }: { n: number }) => void (behind = n), state: () => undefined };
    await follow<{ n: number }>("x", new AbortController().signal, on, () => ({ cursor: behind }));
    assert.match(lastUrl, /cursor=7$/);
  });

  test("is left at once, also between two tries", async (t) => {
    // No time passes: who waits for the next try waits for ever.
    t.mock.timers.enable({ apis: ["setTimeout"] });
    answers = [(response) => response.destroy()];
    for (const leave of [(abort: () => void) => abort(), (abort: () => void) => void setImmediate(abort)]) {
      const controller = new AbortController();
      const state = (): void => leave(() => controller.abort());
      await follow("x", controller.signal, { event: () => undefined, state });
    }
    assert.equal(asked, 2);
  });
});
