import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { isPortFree, pickFreePort } from "./free-port.ts";

test("a port that somebody listens on is not free, and is again afterwards", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  assert.equal(await isPortFree(port), false);
  server.close();
  await once(server, "close");
  assert.equal(await isPortFree(port), true);
});

test("a picked port is free, and out of the range of outgoing connections", async () => {
  const port = await pickFreePort();
  assert.equal(await isPortFree(port), true);
  assert.ok(port < 32_768);
});
