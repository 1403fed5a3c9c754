import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { divideSlots } from "./divide-slots.ts";

function shares(
  slots: number,
  claims: readonly number[],
  ranks: readonly number[] = [],
  turns: readonly number[] = [],
) {
  const claimants = claims.map((claim, i) => ({ claim, rank: ranks[i] ?? 0, turn: turns[i] ?? i }));
  return divideSlots(slots, claimants);
}

describe("divideSlots", () => {
  it("gives everybody what he claims while there is enough", () => {
    assert.deepEqual(shares(10, [1, 2, 3]), { shares: [1, 2, 3], leftOut: false });
  });

  it("gives the modest what they claim and the others the same", () => {
    assert.deepEqual(shares(16, [100, 2, 100]).shares, [7, 2, 7]);
  });

  it("gives what is left over to those who have most already, so that nothing moves without need", () => {
    assert.deepEqual(shares(16, [100, 100, 100], [5, 6, 5]).shares, [5, 6, 5]);
  });

  it("takes turns when there are fewer slots than claimants", () => {
    assert.deepEqual(shares(1, [5, 5, 5], [1, 0, 0], [9, 2, 4]), { shares: [0, 1, 0], leftOut: true });
    assert.deepEqual(shares(2, [5, 5, 5], [1, 1, 0], [9, 8, 4]), { shares: [0, 1, 1], leftOut: true });
  });

  it("never gives more than there is, nor more than is claimed", () => {
    for (let seed = 1; seed < 500; seed++) {
      const claims = Array.from({ length: (seed % 7) + 1 }, (_, i) => (seed * (i + 3) * 7919) % 13);
      const slots = (seed * 31) % 24;
      const { shares: given } = shares(slots, claims);
      const sum = given.reduce((all, one) => all + one, 0);
      const wanted = claims.reduce((all, one) => all + one, 0);
      assert.equal(sum, Math.min(slots, wanted), `${slots} among ${claims.join()}`);
      assert.ok(given.every((one, i) => one <= claims[i]!));
      const unmet = given.filter((one, i) => one < claims[i]!);
      assert.ok(
        unmet.length === 0 || Math.max(...given) - Math.min(...unmet) <= 1,
        "nobody has more than one whose claim is unmet",
      );
    }
  });

  it("gives nobody anything of nothing", () => {
    assert.deepEqual(shares(0, [1, 2]), { shares: [0, 0], leftOut: true });
    assert.deepEqual(shares(5, []), { shares: [], leftOut: false });
  });
});
