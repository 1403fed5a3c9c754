import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isLargeJson } from "./json-scan.ts";

const scan = (text: string): Promise<boolean> => isLargeJson(Buffer.from(text));

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A small generator of numbers, so that a failure comes again. */
function randomly(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const SEEDS = [
  '{"a":[1,2.5e-3,-0,{"b":null,"c":[]}],"d":"x\\u00e9\\n\\"","e":{"f":true,"g":false}}',
  '[[],{},"",0,-1,1e5,1E+5,0.1,"\\ud800",{"":{"":[[[]]]}}]',
  ' \n\t[ 1 , { "k" : "v" } ] \r\n',
  '"\\\\\\"/\\/"',
  "1234567890.5",
];
const ALPHABET = '{}[]",:\\0123456789.eE+-truefalsnbu/ \n\t\u0001xé';

describe("the scan of large JSON", () => {
  it("agrees with the parser about texts that are nearly JSON", async () => {
    const random = randomly(17);
    let valid = 0;
    for (let round = 0; round < 30_000; round++) {
      const text = [...SEEDS[random(SEEDS.length)]!];
      for (let change = random(4); change > 0; change--) {
        const at = random(text.length + 1);
        text.splice(at, random(3), ...Array.from({ length: random(3) }, () => ALPHABET[random(ALPHABET.length)]!));
      }
      const made = text.join("");
      const expected = parses(made);
      valid += expected ? 1 : 0;
      assert.equal(await scan(made), expected, JSON.stringify(made));
    }
    assert.ok(valid > 3_000 && valid < 27_000, `${valid} were valid`);
  });

  const cases: [text: string, is: boolean][] = [
    ["", false],
    ["   ", false],
    ["\ufeff[1]", true],
    ["[1]]", false],
    ["[1] 2", false],
    ["nul", false],
    ["truex", false],
    ["NaN", false],
    ["-", false],
    ["01", false],
    ["1.", false],
    ["[1,]", false],
    ['{"a"}', false],
    ['{"a":1,}', false],
    ['"open', false],
    ['"\\', false],
    ['"\\u12', false],
    ["[", false],
    ["]", false],
  ];
  for (const [text, is] of cases) {
    it(`takes ${JSON.stringify(text)} for ${is ? "JSON" : "none"}`, async () => assert.equal(await scan(text), is));
  }

  it("refuses what no step could read", async () => {
    await assert.rejects(scan("[".repeat(201)), { reason: "JSON_TOO_DEEP", kind: "InvalidArgument" });
    assert.ok(await scan("[".repeat(200) + "]".repeat(200)));
    await assert.rejects(scan(`[${"9".repeat(4001)}]`), { reason: "JSON_NUMBER_TOO_LONG" });
    assert.ok(await scan(`[${"9".repeat(4000)}]`));
  });

  it("leaves the event loop to others, and needs no room for the value", async () => {
    const text = Buffer.from(`[${'{"a":"\\u00e9 text of some length","b":[1,2.5,null]},'.repeat(400_000)}{}]`);
    const before = process.memoryUsage().heapUsed;
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    assert.ok(await isLargeJson(text));
    clearInterval(timer);
    assert.ok(turns > 5, `${turns} turns in ${text.length} bytes`);
    assert.ok(process.memoryUsage().heapUsed - before < 50_000_000);
  });
});
