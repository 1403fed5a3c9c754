import assert from "node:assert/strict";
import { test } from "node:test";
import { nameProblem, parseDotenv } from "./parse-dotenv.ts";

function values(text: string): Record<string, string> {
  return Object.fromEntries(parseDotenv(text).map(({ name, value }) => [name, value]));
}

test("reads what .env files have in them", () => {
  const text = [
    "# a comment",
    "",
    "REGION=eu-west",
    "export TOKEN = abc # why",
    "HASH=a#b",
    "EMPTY=",
    "SINGLE='a \\n $b # c'",
    'DOUBLE="line\\none \\"quoted\\""',
    "WINDOWS=yes\r",
    "REGION=eu-north",
  ].join("\n");
  assert.deepEqual(values(text), {
    TOKEN: "abc",
    HASH: "a#b",
    EMPTY: "",
    SINGLE: "a \\n $b # c",
    DOUBLE: 'line\none "quoted"',
    WINDOWS: "yes",
    REGION: "eu-north",
  });
});

test("takes a quoted value over several lines, and counts lines behind it", () => {
  const entries = parseDotenv('KEY="-----BEGIN\nabc\n-----END"\nNEXT=1\nnonsense');
  assert.deepEqual(
    entries.map(({ name, value, line }) => [name, value, line]),
    [
      ["KEY", "-----BEGIN\nabc\n-----END", 1],
      ["NEXT", "1", 4],
      ["nonsense", "", 5],
    ],
  );
  assert.equal(entries[2]!.problem, "There is no = in this line.");
});

test("says what cannot be taken, and takes the rest", () => {
  const entries = parseDotenv('1ST=a\nMILLRACE_X=b\nOPEN="abc\nGOOD=c\n__proto__=d');
  const problems = Object.fromEntries(entries.map(({ name, problem }) => [`_${name}`, problem?.split(" ")[0]]));
  assert.deepEqual(problems, {
    _1ST: "A",
    _MILLRACE_X: "Names",
    _OPEN: "The",
    _GOOD: undefined,
    ___proto__: undefined,
  });
});

test("names are as the house wants them", () => {
  assert.equal(nameProblem("A_1"), undefined);
  for (const bad of ["", "1A", "A-B", "Ä", "A".repeat(129), "PIPEDREAM_X"])
    assert.notEqual(nameProblem(bad), undefined);
});
