import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { describe, it } from "node:test";
import { PlatformError } from "@millrace/core";
import { isMultipart, plainFilename, readMultipart, type FilePart, type MultipartLimits } from "./read-multipart.ts";

const BOUNDARY = "frontier";
const TYPE = `multipart/form-data; boundary=${BOUNDARY}`;
const LIMITS: MultipartLimits = { bytesMax: 10_000_000, fieldBytesMax: 10_000, filesMax: 3 };

interface Stored extends FilePart {
  readonly content: string;
}

/** A request that arrives in pieces of the given size. */
function requestOf(body: string | Buffer, contentType = TYPE, pieceBytes = 7): IncomingMessage {
  const bytes = Buffer.from(body);
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, i) =>
    bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes),
  );
  const request = Readable.from(pieces, { objectMode: false }) as unknown as IncomingMessage;
  request.headers = { "content-type": contentType };
  request.on("end", () => (request.complete = true));
  return request;
}

async function storeText(part: FilePart, content: AsyncIterable<Uint8Array>): Promise<Stored> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return { ...part, content: Buffer.concat(chunks).toString() };
}

async function read(
  body: string | Buffer,
  options: { type?: string; limits?: Partial<MultipartLimits>; pieceBytes?: number } = {},
) {
  const request = requestOf(body, options.type, options.pieceBytes);
  const parts = await readMultipart(request, {
    limits: { ...LIMITS, ...options.limits },
    onBytes: () => {},
    store: storeText,
  });
  return Object.fromEntries(parts);
}

function part(disposition: string, content: string, type?: string): string {
  const head = [
    `Content-Disposition: form-data; ${disposition}`,
    ...(type === undefined ? [] : [`Content-Type: ${type}`]),
  ];
  return `--${BOUNDARY}\r\n${head.join("\r\n")}\r\n\r\n${content}\r\n`;
}

const END = `--${BOUNDARY}--\r\n`;

describe("readMultipart", () => {
  it("reads fields and files, repeated ones in their order", async () => {
    const body = [
      part('name="a"', "1"),
      part('name="file"; filename="Grüße.txt"', "hello\r\nworld", "text/plain; charset=utf-8"),
      part('name="a"', "zwei €"),
      part('name="file"; filename="b.bin"', "b"),
      END,
    ].join("");
    for (const pieceBytes of [1, 7, 10_000]) {
      assert.deepEqual(await read(body, { pieceBytes }), {
        a: ["1", "zwei €"],
        file: [
          { filename: "Grüße.txt", mimetype: "text/plain", content: "hello\r\nworld" },
          { filename: "b.bin", mimetype: "text/plain", content: "b" },
        ],
      });
    }
  });

  it("takes names that objects have already", async () => {
    const parts = await readMultipart(requestOf(part('name="__proto__"', "x") + END), {
      limits: LIMITS,
      onBytes: () => {},
      store: storeText,
    });
    assert.deepEqual([...parts], [["__proto__", ["x"]]]);
  });

  it("tells an input that was left empty from an empty file", async () => {
    const body = part('name="none"; filename=""', "", "application/octet-stream");
    const empty = part('name="empty"; filename="empty.txt"', "", "text/plain");
    assert.deepEqual(await read(body + empty + END), {
      none: [undefined],
      empty: [{ filename: "empty.txt", mimetype: "text/plain", content: "" }],
    });
  });

  const file = part('name="f"; filename="f"', "x".repeat(5_000), "image/png");
  const field = part('name="a"', "1");
  const bad: [string, string | Buffer, Parameters<typeof read>[1], string][] = [
    ["no boundary", field + END, { type: "multipart/form-data" }, "MULTIPART_INVALID"],
    ["a huge boundary", field + END, { type: `${TYPE}${"x".repeat(1_000)}` }, "MULTIPART_INVALID"],
    ["another boundary", field + END, { type: "multipart/form-data; boundary=other" }, "MULTIPART_INVALID"],
    ["an empty body", "", {}, "MULTIPART_INVALID"],
    ["no end behind a field", field, {}, "MULTIPART_INVALID"],
    ["no end inside a file", file.slice(0, 3_000), {}, "MULTIPART_INVALID"],
    ["no end inside a head", `--${BOUNDARY}\r\nContent-Dispo`, {}, "MULTIPART_INVALID"],
    ["no multipart at all", "just text", {}, "MULTIPART_INVALID"],
    ["a part without a name", part('filename="x"', "x") + END, {}, "MULTIPART_INVALID"],
    ["a part with a long name", part(`name="${"n".repeat(300)}"`, "x") + END, {}, "MULTIPART_INVALID"],
    ["thousands of fields", field.repeat(3_000) + END, { pieceBytes: 4_096 }, "TOO_MANY_PARTS"],
    ["too many files", part('name="f"; filename="f"', "x").repeat(4) + END, {}, "TOO_MANY_PARTS"],
    ["large fields", part('name="a"', "x".repeat(6_000)).repeat(2) + END, { pieceBytes: 999 }, "BODY_TOO_LARGE"],
    ["one large field", part('name="a"', "x".repeat(20_000)) + END, { pieceBytes: 999 }, "BODY_TOO_LARGE"],
    ["a large file", file + END, { limits: { bytesMax: 4_000 }, pieceBytes: 100 }, "BODY_TOO_LARGE"],
  ];
  for (const [title, body, options, reason] of bad) {
    it(`refuses ${title}`, async () => {
      await assert.rejects(read(body, options), { kind: "InvalidArgument", reason });
    });
  }

  it("ends what is being stored before it fails", async () => {
    let isStoring = false;
    const reading = readMultipart(requestOf(file.slice(0, 3_000)), {
      limits: LIMITS,
      onBytes: () => {},
      store: async (_part, content) => {
        isStoring = true;
        try {
          for await (const chunk of content) assert.ok(chunk.length > 0);
        } finally {
          isStoring = false;
        }
      },
    });
    await assert.rejects(reading, { reason: "MULTIPART_INVALID" });
    assert.equal(isStoring, false);
  });

  it("fails as the storing of a file does", async () => {
    const failure = new PlatformError("Unavailable", "DATABASE_UNAVAILABLE", "gone");
    const reading = readMultipart(requestOf(file + END), {
      limits: LIMITS,
      onBytes: () => {},
      store: () => Promise.reject(failure),
    });
    await assert.rejects(reading, { reason: "DATABASE_UNAVAILABLE" });
  });

  it("fails when the client leaves", async () => {
    const request = new Readable({ read: () => {} }) as unknown as IncomingMessage;
    request.headers = { "content-type": TYPE };
    const reading = readMultipart(request, { limits: LIMITS, onBytes: () => {}, store: storeText });
    request.push(file.slice(0, 2_000));
    setImmediate(() => request.destroy());
    await assert.rejects(reading, { reason: "REQUEST_ABORTED" });
  });
});

describe("plainFilename", () => {
  const cases: [string | undefined, string][] = [
    [undefined, ""],
    ["a b.txt", "a b.txt"],
    ["../../etc/passwd", "passwd"],
    ["C:\\Users\\me\\photo.png", "photo.png"],
    ["..", "_"],
    ["a\r\nb\0c", "a__b_c"],
    ["x".repeat(300), "x".repeat(255)],
  ];
  for (const [given, plain] of cases)
    it(JSON.stringify(given ?? null), () => assert.equal(plainFilename(given), plain));
});

describe("isMultipart", () => {
  it("takes forms with files alone", () => {
    assert.ok(isMultipart("Multipart/Form-Data; boundary=x"));
    assert.ok(isMultipart("multipart/form-data"));
    assert.ok(!isMultipart("multipart/mixed; boundary=x"));
    assert.ok(!isMultipart("multipart/form-data-x; boundary=x"));
    assert.ok(!isMultipart(undefined));
  });
});
