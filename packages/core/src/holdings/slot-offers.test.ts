import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SlotOffers } from "./slot-offers.ts";

const SLOTS = 8;

/** A runner's offers, with what the schedulers were told. */
function world(...schedulers: string[]) {
  const offers = new SlotOffers();
  const told = new Map<string, number>();
  const clock = { ms: 0 };
  const settle = (capacity = SLOTS): number => {
    const changed = offers.settle(capacity, clock.ms);
    for (const { scheduler, slots } of changed) told.set(scheduler, slots);
    return changed.length;
  };
  const hear = (scheduler: string, waiting?: Record<string, number>): void => {
    const demand = waiting && Object.entries(waiting).map(([projectId, count]) => ({ projectId, waiting: count }));
    offers.hear(scheduler, demand, clock.ms);
    settle();
  };
  const start = (scheduler: string, project = "p", waiting = 0): void => {
    assert.ok(offers.hasRoom(scheduler), `${scheduler} has no offer`);
    offers.start(scheduler, project, waiting, clock.ms);
    settle();
  };
  const leave = (scheduler: string, project = "p"): void => {
    offers.leave(scheduler, project, true, clock.ms);
    settle();
  };
  for (const scheduler of schedulers) hear(scheduler);
  return { offers, told, clock, hear, start, leave, settle };
}

describe("the offers of a runner", () => {
  it("are all slots for the only scheduler, and stand without a further word", () => {
    const { offers, told, settle, start, leave } = world("a");
    assert.deepEqual([...told], [["a", SLOTS]]);
    told.clear();
    for (let i = 0; i < SLOTS; i++) start("a", "p", 100);
    assert.equal(offers.hasRoom("a"), false);
    for (let i = 0; i < 100; i++) {
      leave("a");
      start("a", "p", 100);
    }
    assert.equal(settle(), 0);
    assert.equal(told.size, 0);
  });

  it("are spread evenly while nobody wants more", () => {
    assert.deepEqual(
      [...world("a", "b").told],
      [
        ["a", 4],
        ["b", 4],
      ],
    );
  });

  it("go to who has use for them, at once where nobody uses them", () => {
    const { told, hear } = world("a", "b");
    hear("b", { p: 7 });
    assert.deepEqual([told.get("a"), told.get("b")], [1, 7]);
  });

  it("are taken out of one offer before they are in another", () => {
    const { offers, told, hear, start, leave } = world("a", "b");
    hear("a", { p: 100 });
    for (let i = 0; i < SLOTS; i++) start("a", "p", 100);
    hear("b", { p: 100 });
    assert.equal(told.get("a"), 4, "a uses no further slot when one of its runs ends");
    assert.equal(told.get("b"), 0);
    assert.equal(offers.hasRoom("a"), false);
    leave("a");
    assert.equal(told.get("b"), 1);
    assert.equal(offers.hasRoom("a"), false);
    for (let i = 0; i < 3; i++) leave("a");
    assert.deepEqual([told.get("a"), told.get("b")], [4, 4]);
  });

  it("stay where they are while all want more", () => {
    const { told, hear, start, leave } = world("a", "b");
    hear("a", { p: 100 });
    hear("b", { p: 100 });
    for (let i = 0; i < 4; i++) for (const scheduler of ["a", "b"]) start(scheduler, "p", 100);
    told.clear();
    for (let i = 0; i < 50; i++) {
      leave("a");
      start("a", "p", 100);
      leave("b");
      start("b", "p", 100);
    }
    assert.equal(told.size, 0);
  });

  it("are shared between projects first", () => {
    const { told, hear } = world("a", "b");
    hear("a", { busy: 100 });
    hear("b", { busy: 100, quiet: 100 });
    assert.deepEqual([told.get("a"), told.get("b")], [2, 6]);
  });

  it("take turns when there are fewer slots than schedulers", () => {
    const { offers, settle } = world();
    const settleOne = () => settle(1);
    const served: string[] = [];
    for (const scheduler of ["a", "b", "c"]) {
      offers.hear(scheduler, [{ projectId: "p", waiting: 100 }], 0);
      settleOne();
    }
    for (let round = 0; round < 9; round++) {
      const next = ["a", "b", "c"].find((scheduler) => offers.hasRoom(scheduler))!;
      served.push(next);
      offers.start(next, "p", 100, 0);
      settleOne();
      offers.leave(next, "p", true, 0);
      settleOne();
    }
    for (const scheduler of ["a", "b", "c"]) assert.equal(served.filter((one) => one === scheduler).length, 3);
  });

  it("are not kept by a demand that is not used", () => {
    const { told, clock, hear, settle } = world("a", "b");
    hear("a", { p: 100 });
    hear("b", { p: 100 });
    assert.deepEqual([told.get("a"), told.get("b")], [4, 4]);
    clock.ms = 60;
    settle();
    assert.deepEqual([told.get("a"), told.get("b")], [4, 4], "neither uses what it has");
    hear("b", { p: 100 });
    assert.equal(told.get("b"), 8);
  });

  it("go to who uses the last of his and says that more waits, where others leave theirs unused", () => {
    const { told, clock, hear, start } = world("a", "b");
    hear("a", { q: 1 });
    clock.ms = 60;
    const first = told.get("b")!;
    for (let used = 1; used < first; used++) start("b");
    assert.equal(told.get("b"), first);
    start("b", "p", 1);
    assert.ok(told.get("b")! > first);
  });

  it("of who has nothing more to start go to who has, as they get free", () => {
    const { told, hear, start, leave } = world("a", "b");
    for (let i = 0; i < 4; i++) for (const scheduler of ["a", "b"]) start(scheduler);
    hear("b", { p: 2 });
    assert.equal(told.get("b"), 4);
    leave("a");
    leave("a");
    assert.equal(told.get("b"), 6);
  });

  it("of a scheduler that is silent go to the others, but for its runs", () => {
    const { offers, told, clock, hear, start, settle } = world("a", "b");
    start("a");
    clock.ms = 3_001;
    hear("b");
    offers.forget(clock.ms);
    settle();
    assert.deepEqual([told.get("a"), told.get("b")], [1, 7]);
  });

  it("follow a run whose partition has moved", () => {
    const { offers, start } = world("a", "b");
    start("a");
    offers.move("a", "b", "p", 0);
    offers.settle(SLOTS, 0);
    const sum = offers.list().reduce((all, { slots }) => all + slots, 0);
    assert.equal(sum, SLOTS);
    assert.equal(offers.hasRoom("a") && offers.hasRoom("b"), true);
  });

  it("are never more than there are, whatever happens", () => {
    const { offers, clock } = world();
    const names = ["a", "b", "c"];
    const held: [string, string][] = [];
    let seed = 7;
    const random = (most: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % most;
    const known = new Map<string, number>();
    for (let step = 0; step < 5_000; step++) {
      clock.ms += random(20);
      const scheduler = names[random(3)]!;
      const project = `p${random(3)}`;
      const dice = random(10);
      if (dice < 3) offers.hear(scheduler, [{ projectId: project, waiting: random(12) }], clock.ms);
      else if (dice < 7 && offers.hasRoom(scheduler)) {
        offers.start(scheduler, project, random(5), clock.ms);
        held.push([scheduler, project]);
      } else if (held.length > 0) {
        const [[who, what]] = held.splice(random(held.length), 1) as [[string, string]];
        offers.leave(who, what, true, clock.ms);
      }
      for (const { scheduler: told, slots } of offers.settle(SLOTS, clock.ms)) known.set(told, slots);
      const used = (name: string) => held.filter(([who]) => who === name).length;
      const open = names.reduce((sum, name) => sum + Math.max(0, (known.get(name) ?? 0) - used(name)), 0);
      assert.ok(held.length + open <= SLOTS, `step ${step}: ${held.length} in use and ${open} offered`);
      assert.ok(held.length <= SLOTS);
    }
  });
});
