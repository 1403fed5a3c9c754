import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import { partitionOf, preferredOwner } from "./partition.ts";

describe("partitions", () => {
  it("of known workflows never change: their runs would be looked for elsewhere", () => {
    assert.deepEqual(
      ["a", "b", "79cc6f3b-f006-489c-bf4b-fc9e910e438f"].map((id) => partitionOf(id, 256)),
      [179, 50, 67],
    );
  });

  it("spread workflows evenly", () => {
    const counts = Array.from({ length: 256 }, () => 0);
    for (let i = 0; i < 25_600; i++) counts[partitionOf(randomUUID(), 256)]! += 1;
    assert.ok(
      Math.min(...counts) > 50 && Math.max(...counts) < 160,
      `${Math.min(...counts)} to ${Math.max(...counts)}`,
    );
  });
});

describe("the preferred owner", () => {
  const partitions = Array.from({ length: 256 }, (_, index) => index);

  it("is the same for everybody, in whatever order the living are named", () => {
    for (const partition of partitions) {
      assert.equal(preferredOwner(partition, ["a", "b", "c"]), preferredOwner(partition, ["c", "a", "b"]));
    }
  });

  it("moves only the partitions of one that leaves", () => {
    for (const partition of partitions) {
      const before = preferredOwner(partition, ["a", "b", "c"]);
      if (before !== "c") assert.equal(preferredOwner(partition, ["a", "b"]), before);
    }
  });

  it("shares the house about evenly, and is nobody when nobody lives", () => {
    const mine = partitions.filter((partition) => preferredOwner(partition, ["a", "b"]) === "a").length;
    assert.ok(mine > 90 && mine < 166, String(mine));
    assert.equal(preferredOwner(1, []), undefined);
  });
});
