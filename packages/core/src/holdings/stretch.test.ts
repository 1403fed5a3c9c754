import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Stretch } from "./stretch.ts";

const SLOTS = 4;
const MOST = 16;

/** A runner on a clock of its own, with so many runs whose step has been running for long. */
class World {
  readonly stretch = new Stretch();
  nowMs = 1_000;
  slow = 0;

  /** Steps end for so many ms, one each ms. */
  end(tookMs: number, ms = 1): this {
    for (let n = 0; n < ms; n++) {
      this.nowMs += 1;
      this.stretch.note(tookMs, this.nowMs);
      this.capacity();
    }
    return this;
  }

  capacity(most = MOST): number {
    const held = Array.from({ length: MOST }, (_, at) => ({ runningSinceMs: at < this.slow ? 0 : undefined }));
    return this.stretch.capacity(SLOTS, most, held, this.nowMs);
  }

  after(ms: number): number {
    this.nowMs += ms;
    return this.capacity();
  }
}

describe("the room of a runner", () => {
  it("is its slots as long as nobody knows how long steps take", () => {
    assert.equal(new World().capacity(), SLOTS);
  });

  it("grows while steps are short, up to its bound", () => {
    const world = new World().end(1, 100);
    const before = world.after(20);
    assert.ok(before > SLOTS && before < MOST, String(before));
    assert.equal(world.end(1, 400).after(20), MOST);
    assert.equal(world.capacity(SLOTS), SLOTS, "where it may");
  });

  it("is its slots when their mean is long, and grows again when it is short again", () => {
    const world = new World().end(1, 500).end(400);
    assert.equal(world.after(20), SLOTS);
    assert.equal(world.end(1, 500).after(20), MOST);
  });

  it("is one run in each slot whose step is slow, whatever the mean says", () => {
    const world = new World().end(1, 500);
    for (const [slow, capacity] of [
      [1, 13],
      [3, 7],
      [SLOTS, SLOTS],
      [MOST, SLOTS],
      [0, MOST],
    ] as const) {
      world.slow = slow;
      assert.equal(world.after(20), capacity, `${slow} slow ones`);
    }
  });

  it("becomes less with each environment that has to be started, and grows again when none has been for a while", () => {
    const world = new World().end(1, 500);
    world.stretch.noteColdStart(world.nowMs);
    assert.equal(world.after(20), MOST - 2);
    for (let n = 0; n < 300; n++) world.stretch.noteColdStart(world.nowMs);
    assert.equal(world.after(20), SLOTS);
    assert.equal(world.end(1, 9_900).after(20), SLOTS);
    assert.equal(world.end(1, 600).after(20), MOST);
  });

  it("grows where environments are started without it", () => {
    const world = new World();
    for (let n = 0; n < 300; n++) world.stretch.noteColdStart(world.nowMs);
    assert.equal(world.end(1, 500).after(20), MOST);
  });

  it("forgets what it has seen when nothing has ended for a while", () => {
    assert.equal(new World().end(1, 500).after(1_999), MOST);
    const world = new World().end(1, 500);
    assert.equal(world.after(2_001), SLOTS);
    assert.ok(world.end(1).after(20) < SLOTS + 3);
  });
});
