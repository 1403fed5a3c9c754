import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { judgeLeases } from "./check-leases.ts";

const schedulers = new Map([
  ["s1", [0, 1]],
  ["s2", [2]],
]);

describe("what doctor says of leases", () => {
  it("is where they are, and what that means for the death of a server", () => {
    const judge = (place: "server" | "bucket" | "majority", answering: number) =>
      judgeLeases({ place, answering, schedulers });
    const ok = (place: Parameters<typeof judge>[0], answering: number): boolean => judge(place, answering).ok;
    assert.deepEqual(
      [ok("server", 1), ok("majority", 3), ok("majority", 2), ok("bucket", 1)],
      [true, true, false, false],
    );
    assert.match(judge("majority", 3).detail, /2 schedulers, on a majority of 3 servers/);
    assert.match(judge("majority", 2).detail, /of which 2 answer/);
    assert.match(judge("bucket", 1).remedy, /LEASES_IN_ONE_PLACE/);
    assert.match(judgeLeases({ place: "majority", answering: 3, schedulers: new Map() }).detail, /no scheduler/);
  });
});
