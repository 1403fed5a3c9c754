import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { createProviderClient, isPrivate } from "./provider-client.ts";

const request = { method: "GET", headers: {} };

describe("asking providers", () => {
  const server = createServer((incoming, response) => {
    if (incoming.url === "/redirect") response.writeHead(302, { location: "/elsewhere" }).end();
    else if (incoming.url === "/large") response.end("x".repeat(2 * 1024 * 1024));
    else if (incoming.url?.startsWith("/silent") !== true) response.end(`hello ${incoming.headers["user-agent"]}`);
  });
  let url: string;

  before(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  test("answers come whole, redirects are not followed, and there are bounds", async () => {
    const ask = createProviderClient({ privateAddresses: true, timeoutMs: 500 });
    assert.deepEqual(await ask({ ...request, url: `${url}/` }), { status: 200, body: "hello millrace" });
    assert.equal((await ask({ ...request, url: `${url}/redirect` })).status, 302);
    await assert.rejects(ask({ ...request, url: `${url}/large` }), { reason: "PROVIDER_UNAVAILABLE" });
    const silent = ask({ ...request, url: `${url}/silent?secret=hush-hush` });
    await assert.rejects(silent, (error: Error) => {
      assert.match(error.message, /cannot be asked: no answer in time/);
      return !error.message.includes("hush-hush");
    });
    await assert.rejects(ask({ ...request, url: "http://127.0.0.1:1/" }), { message: /ECONNREFUSED/ });
    for (const bad of ["nonsense", "file:///etc/passwd", "ftp://example.com/"]) {
      await assert.rejects(ask({ ...request, url: bad }), { reason: "PROVIDER_NOT_ALLOWED" });
    }
  });

  test("nothing but public addresses over TLS is asked unless the operator says so, however it is written", async () => {
    const ask = createProviderClient({ privateAddresses: false, timeoutMs: 2_000 });
    const port = new URL(url).port;
    const bad = [
      `${url}/`,
      `https://127.0.0.1:${port}/`,
      `https://localhost:${port}/`,
      `https://0x7f.1:${port}/`,
      `https://2130706433:${port}/`,
      `https://[::1]:${port}/`,
      `https://[::ffff:127.0.0.1]:${port}/`,
      `https://169.254.169.254/latest/meta-data`,
    ];
    for (const one of bad) await assert.rejects(ask({ ...request, url: one }), { reason: "PROVIDER_NOT_ALLOWED" }, one);
  });

  test("addresses are told apart", () => {
    const own = [
      "10.1.2.3",
      "172.31.0.1",
      "192.168.1.1",
      "100.64.0.1",
      "0.0.0.0",
      "255.255.255.255",
      "fd00::1",
      "fe80::1",
    ];
    for (const address of [...own, "::", "::ffff:10.0.0.1", "64:ff9b::a00:1"]) assert.ok(isPrivate(address), address);
    for (const address of ["1.1.1.1", "140.82.121.4", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1"]) {
      assert.ok(!isPrivate(address), address);
    }
  });
});
