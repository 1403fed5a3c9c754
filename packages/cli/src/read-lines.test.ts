import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readLines } from "./read-lines.ts";

async function linesOf(chunks: readonly (string | Buffer)[], bytesMax = 100): Promise<string[]> {
  async function* input(): AsyncGenerator<Buffer> {
    for (const chunk of chunks) yield Buffer.from(chunk);
  }
  const lines: string[] = [];
  for await (const { number, text } of readLines(input(), bytesMax)) lines.push(`${number} ${text}`);
  return lines;
}

describe("lines of a stream", () => {
  it("are whole, wherever its pieces end, and the last one needs no end", async () => {
    const bytes = Buffer.from("{}\n\n[1,\r\n ü");
    const pieces = Array.from(bytes, (byte) => Buffer.from([byte]));
    for (const chunks of [[bytes], pieces]) assert.deepEqual(await linesOf(chunks), ["1 {}", "2 ", "3 [1,\r", "4  ü"]);
    assert.deepEqual(await linesOf(["a\n"]), ["1 a"]);
    assert.deepEqual(await linesOf([]), []);
  });

  it("have a bound, and are text", async () => {
    await assert.rejects(linesOf(["a\n", "x".repeat(60), "x".repeat(60)]), {
      reason: "INPUT_TOO_LARGE",
      message: /^Line 2/,
    });
    await assert.rejects(linesOf(["a\n", Buffer.from([0xff]), "\n"]), { reason: "NOT_UTF8", message: /^Line 2/ });
  });
});
