import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MUTATIONS, RARE, type Mutation } from "./mutations.ts";
import { search, simulate } from "./search.ts";

/** A sample; `npm run simulate -- --runs 100000` plays the whole. */
const RUNS = Number(process.env["MILLRACE_SIMULATION_RUNS"] ?? 5000);
const MUTATION_RUNS = 4000;

describe("the protocol under faults", () => {
  it(`breaks no rule in ${RUNS} random schedules of crashes, losses, copies and delays`, () => {
    const { found } = search(new Set(), RUNS, "test", 3);
    assert.deepEqual(found, []);
  });

  it("plays the same seed in the same way", () => {
    const play = () => simulate("same/1", new Set(), true).lines;
    assert.ok(play().length > 0);
    assert.deepEqual(play(), play());
  });
});

describe("a rule broken on purpose", () => {
  for (const name of (Object.keys(MUTATIONS) as Mutation[]).filter((each) => !RARE.has(each))) {
    it(`is found within ${MUTATION_RUNS} schedules: ${MUTATIONS[name]}`, () => {
      const { found } = search(new Set([name]), MUTATION_RUNS, "1", 1);
      assert.equal(found.length, 1);
    });
  }
});
