import assert from "node:assert/strict";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { describe, it } from "node:test";
import { PlatformError } from "@millrace/core";
import type { ObjectOwner, Objects } from "@millrace/store";
import { FileTokens } from "./file-token.ts";
import { INLINE_BODY_BYTES_MAX, UploadDoor, type ReceivedUpload } from "./upload-door.ts";

const LARGE = String(INLINE_BODY_BYTES_MAX + 1);

/** Objects that keep what is written, and say who retains it. */
class MemoryObjects implements Pick<Objects, "write" | "retain"> {
  readonly written: Buffer[] = [];
  readonly retained: [ObjectOwner, readonly string[]][] = [];

  async write(_write: object, content: AsyncIterable<Uint8Array>) {
    const pieces: Uint8Array[] = [];
    for await (const piece of content) pieces.push(piece);
    const all = Buffer.concat(pieces);
    this.written.push(all);
    return { id: `object-${this.written.length}`, projectId: "p", size: all.length, sha256: "", createTimeMs: 0 };
  }

  async retain(_projectId: string, owner: ObjectOwner, ids: readonly string[]): Promise<void> {
    if (ids.includes("object-gone")) throw new PlatformError("NotFound", "OBJECT_NOT_FOUND", "gone");
    this.retained.push([owner, ids]);
  }
}

function createDoor() {
  const objects = new MemoryObjects();
  const tokens = new FileTokens(Buffer.alloc(32, 1));
  const limits = { bodyLimitBytes: 1_000_000, uploadLimitBytes: 3_000_000, uploadFilesMax: 10, uploadsMax: 1 };
  return { objects, tokens, door: new UploadDoor({ objects, tokens, publicUrl: () => "http://house", ...limits }) };
}

function requestOf(headers: IncomingHttpHeaders, content: Buffer | string = ""): IncomingMessage {
  const bytes = Buffer.from(content);
  const pieces = Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, i) =>
    bytes.subarray(i * 65_536, (i + 1) * 65_536),
  );
  const request = Readable.from(pieces, { objectMode: false }) as unknown as IncomingMessage;
  request.headers = headers;
  request.on("end", () => (request.complete = true));
  return request;
}

describe("what may be an upload", () => {
  const cases: [string, IncomingHttpHeaders, boolean][] = [
    ["a request without a body", {}, false],
    ["JSON", { "content-type": "application/json", "content-length": LARGE }, false],
    ["JSON with a charset", { "content-type": "application/json; charset=utf-8", "content-length": LARGE }, false],
    ["a small picture", { "content-type": "image/png", "content-length": "1000" }, false],
    ["a large picture", { "content-type": "image/png", "content-length": LARGE }, true],
    ["a body of unknown size", { "content-type": "image/png", "transfer-encoding": "chunked" }, true],
    ["a small form with files", { "content-type": "multipart/form-data; boundary=x", "content-length": "100" }, true],
    ["a small plain form", { "content-type": "application/x-www-form-urlencoded", "content-length": "10" }, false],
  ];
  for (const [title, headers, taken] of cases) {
    it(`${taken ? "is" : "is not"} ${title}`, () => assert.equal(createDoor().door.takes(requestOf(headers)), taken));
  }
});

describe("a body that may be a file", () => {
  const zeros = Buffer.alloc(INLINE_BODY_BYTES_MAX + 10);
  const text = "ä".repeat(INLINE_BODY_BYTES_MAX / 2 + 10);
  const cases: [string, string | undefined, Buffer, "FILE" | "BODY"][] = [
    ["a large picture", "image/png", zeros, "FILE"],
    ["a text of a type that is none", "application/pdf", Buffer.from(text), "FILE"],
    ["a large text", "text/csv; charset=utf-8", Buffer.from(text), "BODY"],
    ["a text without a type", undefined, Buffer.from(text), "BODY"],
    ["bytes that claim to be a form", "application/x-www-form-urlencoded", Buffer.alloc(300_000, 0xff), "FILE"],
    ["bytes that claim to be text", "text/plain", Buffer.alloc(300_000, 0xff), "FILE"],
    ["text in another charset", "text/plain; charset=latin1", Buffer.alloc(300_000, 0xe4), "BODY"],
    ["a small picture of unknown size", "image/png", Buffer.alloc(1_000), "BODY"],
  ];
  for (const [title, type, content, outcome] of cases) {
    it(`${title}: ${outcome}`, async () => {
      const { door, objects } = createDoor();
      const headers = { "transfer-encoding": "chunked", ...(type !== undefined && { "content-type": type }) };
      const read = await door.read(requestOf(headers, content), "p", () => {});
      if (outcome === "BODY") assert.ok(Buffer.isBuffer(read) && read.equals(content));
      else assert.ok(!Buffer.isBuffer(read) && read.objectIds.length === 1 && objects.written[0]!.equals(content));
    });
  }

  it("is refused as soon as a text is larger than a text may be, and a file than a file", async () => {
    const { door } = createDoor();
    const headers = { "content-type": "text/plain", "transfer-encoding": "chunked" };
    const large = door.read(requestOf(headers, "x".repeat(1_000_001)), "p", () => {});
    await assert.rejects(large, { reason: "BODY_TOO_LARGE" });
    const announced = requestOf({ "content-type": "image/png", "content-length": "3000001" });
    await assert.rejects(
      door.read(announced, "p", () => {}),
      { reason: "BODY_TOO_LARGE" },
    );
  });
});

describe("the files of an upload", () => {
  it("are received for so many requests at the same time, and no more", async () => {
    const { door } = createDoor();
    const type = { "content-type": "multipart/form-data; boundary=x", "transfer-encoding": "chunked" };
    const slow = new Readable({ read: () => {} }) as unknown as IncomingMessage;
    slow.headers = type;
    const first = door.read(slow, "p", () => {});
    const part = '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--';
    await assert.rejects(
      door.read(requestOf(type, part), "p", () => {}),
      { reason: "GATEWAY_BUSY" },
    );
    slow.destroy();
    await assert.rejects(first, { reason: "REQUEST_ABORTED" });
    const read = (await door.read(requestOf(type, part), "p", () => {})) as ReceivedUpload;
    assert.equal(read.body.json, '{"a":"1"}');
  });

  it("are told by addresses that show them, and kept for the run", async () => {
    const { door, tokens, objects } = createDoor();
    const part =
      '--x\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nhi\r\n--x--';
    const request = requestOf({ "content-type": "multipart/form-data; boundary=x", "content-length": "1" }, part);
    const read = (await door.read(request, "p", () => {})) as ReceivedUpload;
    const { f } = JSON.parse(read.body.json) as { f: { url: string } };
    assert.deepEqual(f, { url: f.url, filename: "a.txt", mimetype: "text/plain", size: 2 });
    const grant = tokens.verify(f.url.slice("http://house/f/".length), Number.MAX_SAFE_INTEGER);
    assert.ok(grant.kind === "object" && grant.objectId === "object-1" && grant.projectId === "p");
    await door.keep(read, "p", "run");
    assert.deepEqual(objects.retained, [[{ kind: "run", id: "run" }, ["object-1"]]]);
  });

  it("are found in the event of an earlier run, but for those that are gone, foreign or made up", async () => {
    const { door, tokens, objects } = createDoor();
    const given = { kind: "object", size: 1, contentType: "a/b", filename: "", expiresAtMs: undefined } as const;
    const urlOf = (projectId: string, objectId: string) =>
      `http://house/f/${tokens.sign({ ...given, projectId, objectId })}`;
    const urls = [
      urlOf("p", "object-1"),
      urlOf("p", "object-gone"),
      urlOf("other", "object-2"),
      `${urlOf("p", "x")}y`,
      "/f/x.y",
    ];
    await door.keepAgain(Buffer.from(JSON.stringify({ urls, more: [urls[0]] })), "p", "run");
    assert.deepEqual(objects.retained, [[{ kind: "run", id: "run" }, ["object-1"]]]);
  });
});
