import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseRange, type WantedRange } from "./parse-range.ts";

describe("parseRange", () => {
  const cases: [string | undefined, number, WantedRange][] = [
    [undefined, 10, "WHOLE"],
    ["bytes=0-3", 10, { start: 0, end: 4 }],
    ["bytes=0-0", 10, { start: 0, end: 1 }],
    ["bytes=4-", 10, { start: 4, end: 10 }],
    ["bytes=-3", 10, { start: 7, end: 10 }],
    ["bytes=-30", 10, { start: 0, end: 10 }],
    ["bytes=8-99", 10, { start: 8, end: 10 }],
    ["bytes=10-", 10, "UNSATISFIABLE"],
    ["bytes=-0", 10, "UNSATISFIABLE"],
    ["bytes=0-", 0, "UNSATISFIABLE"],
    ["bytes=5-4", 10, "WHOLE"],
    ["bytes=-", 10, "WHOLE"],
    ["bytes=0-1,3-4", 10, "WHOLE"],
    ["lines=0-1", 10, "WHOLE"],
    ["bytes=0x1-2", 10, "WHOLE"],
    [`bytes=${"9".repeat(40)}-`, 10, "WHOLE"],
  ];
  for (const [header, size, range] of cases) {
    it(`${header} of ${size}`, () => assert.deepEqual(parseRange(header, size), range));
  }
});
