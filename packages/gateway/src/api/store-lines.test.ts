import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeStoreLine, parseStoreLine, splitStoreLines } from "./store-lines.ts";

const parse = (text: string) => parseStoreLine(Buffer.from(text));

describe("a line of a data store's file", () => {
  it("is read as it was written, its value to the letter", () => {
    const value = Buffer.from('{"a":  1.10, "value": [2, {"x": "}"}]}');
    const expireTimeMs = Date.parse("2027-01-31T12:00:00.500Z");
    const line = encodeStoreLine({ key: 'k "\n', value, expireTimeMs });
    assert.deepEqual(parseStoreLine(line), { key: 'k "\n', valueJson: value.toString(), expireTimeMs });
    assert.deepEqual(parse('{"value":1,"key":"k","value": 2}'), { key: "k", valueJson: "2", expireTimeMs: null });
  });

  it("has an end only where one is written as a time", () => {
    const at = (time: string) => parse(`{"key":"k","value":1,"expireTime":${time}}`).expireTimeMs;
    assert.equal(at('"2027-01-31T13:00:00+01:00"'), Date.parse("2027-01-31T12:00:00Z"));
    for (const time of [
      "1",
      '"5 apples"',
      '["2027-01-31T12:00:00Z"]',
      "null",
      "true",
      '"2027-13-01T00:00:00Z"',
      '"2027"',
    ])
      assert.throws(() => at(time), { reason: "INVALID_RECORD" }, time);
  });

  it("is refused when it is no record", () => {
    for (const text of ["", "[]", "1", '{"key":1,"value":1}', '{"key":"k"}', '{"key":"k","value":1', "\xff"])
      assert.throws(() => parse(text), { reason: "INVALID_RECORD" }, text);
    assert.throws(() => parseStoreLine(Buffer.from([0x7b, 0xff, 0x7d])), { reason: "INVALID_RECORD" });
  });

  it("is found however the bytes were cut, and no longer than one may be", async () => {
    const text = "one\n\ntwo\nthree";
    for (const size of [1, 2, 5, 100]) {
      const lines: string[] = [];
      for await (const line of splitStoreLines(cut(Buffer.from(text), size))) lines.push(line.toString());
      assert.deepEqual(lines, ["one", "", "two", "three"]);
    }
    await assert.rejects(
      async () => {
        for await (const _ of splitStoreLines(cut(Buffer.alloc(64 * 1024 * 1024), 1024 * 1024)));
      },
      { reason: "INVALID_RECORD" },
    );
  });
});

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
