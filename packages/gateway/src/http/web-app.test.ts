import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Logger } from "@millrace/telemetry";
import type { HttpAnswer } from "./http-answer.ts";
import { WebApp } from "./web-app.ts";

const log = { warn: () => {} } as unknown as Logger;

function request(headers: Record<string, string> = {}, method = "GET"): IncomingMessage {
  return { method, headers } as unknown as IncomingMessage;
}

function header(answer: HttpAnswer | undefined, name: string): string | undefined {
  const at = answer?.headers.findIndex((text, index) => index % 2 === 0 && text === name) ?? -1;
  return at < 0 ? undefined : answer!.headers[at + 1];
}

describe("the web app's files", () => {
  let folder: string;
  let app: WebApp;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "web-app-"));
    await mkdir(join(folder, "web/assets"), { recursive: true });
    await writeFile(
      join(folder, "web/index.html"),
      '<script nonce="MILLRACE_NONCE"></script><meta nonce="MILLRACE_NONCE">',
    );
    await writeFile(join(folder, "web/assets/app-1a.js"), "plain");
    await writeFile(join(folder, "web/assets/app-1a.js.br"), "brotli");
    await writeFile(join(folder, "secret.js"), "secret");
    await writeFile(join(folder, "web/.hidden.js"), "hidden");
    app = new WebApp(join(folder, "web"), log);
  });
  after(() => rm(folder, { recursive: true }));

  test("a page has a nonce of its own, which its policy names", async () => {
    const [first, second] = [
      await app.answer(request(), "/"),
      await app.answer(request({ accept: "text/html" }), "/runs/x"),
    ];
    const nonces = [first, second].map((answer) => {
      const [, nonce] = /script-src 'nonce-([\w-]{22})' 'strict-dynamic'/.exec(
        header(answer, "content-security-policy")!,
      )!;
      assert.equal(answer!.body.toString().split(`nonce="${nonce}"`).length, 3);
      return nonce;
    });
    assert.notEqual(nonces[0], nonces[1]);
    assert.equal(header(first, "cache-control"), "no-store");
  });

  test("a file of the app is kept for ever, and packed for who can unpack it", async () => {
    const plain = await app.answer(request(), "/assets/app-1a.js");
    assert.equal(plain?.body.toString(), "plain");
    assert.match(header(plain, "cache-control")!, /immutable/);
    const packed = await app.answer(request({ "accept-encoding": "gzip, br" }), "/assets/app-1a.js");
    assert.deepEqual([packed?.body.toString(), header(packed, "content-encoding")], ["brotli", "br"]);
  });

  test("a file that is gone is said to be, never answered with a page", async () => {
    const gone = await app.answer(request({ accept: "text/html" }), "/assets/app-0b.js");
    assert.equal(gone?.status, 404);
    assert.match(gone.body.toString(), /load the page again/);
  });

  for (const path of [
    "/../secret.js",
    "/assets/../../secret.js",
    "/.hidden.js",
    "/assets/%2e%2e/secret.js",
    "//secret.js",
  ]) {
    test(`nothing but the app's files: ${path}`, async () => {
      const answer = await app.answer(request(), path);
      assert.ok(answer === undefined || answer.status === 404);
    });
  }

  test("what programs ask for, or send, is not for the app", async () => {
    assert.equal(await app.answer(request({ accept: "application/json" }), "/runs"), undefined);
    assert.equal(await app.answer(request({ accept: "text/html" }, "POST"), "/"), undefined);
  });

  test("a gateway without the app says what the house is", async () => {
    for (const without of [new WebApp(undefined, log), new WebApp(join(folder, "none"), log)]) {
      const page = await without.answer(request(), "/");
      assert.match(page!.body.toString(), /This house runs Python workflows/);
    }
  });
});
