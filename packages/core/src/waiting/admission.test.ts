import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { Admission, type Admitted } from "./admission.ts";

/** A house in ms of its own: so many runs of a workflow at the same time, each as long as it takes, the others wait in their order. */
class ToyHouse {
  readonly admission = new Admission({ waitMs: 50 });
  nowMs = 0;
  answered: { atMs: number; tookMs: number }[] = [];
  refusedAtMs: number[] = [];
  /** Time that each answer takes beside its run, whoever else waits, such as that of a slow disk. */
  diskMs = 0;
  readonly #slots: number;
  readonly #queue: { admitted: Admitted; atMs: number; runMs: number }[] = [];
  #running: { admitted: Admitted; atMs: number; startMs: number; endMs: number }[] = [];
  #written: { admitted: Admitted; atMs: number; startMs: number; endMs: number }[] = [];

  constructor(slots: number) {
    this.#slots = slots;
  }

  ask(runMs: number): void {
    try {
      this.#queue.push({ admitted: this.admission.enter("w", this.nowMs), atMs: this.nowMs, runMs });
    } catch (thrown) {
      assert.equal((thrown as { reason?: string }).reason, "OVERLOADED");
      this.refusedAtMs.push(this.nowMs);
    }
  }

  /** A millisecond passes; in one that is lost, nothing is done. */
  pass(lost = false): void {
    this.nowMs += 1;
    if (lost) {
      for (const run of this.#running) run.endMs += 1;
      return;
    }
    for (const { admitted, atMs, startMs } of this.#running.filter(({ endMs }) => endMs <= this.nowMs)) {
      this.#written.push({ admitted, atMs, startMs, endMs: this.nowMs + this.diskMs });
    }
    for (const { admitted, atMs, startMs } of this.#written.filter(({ endMs }) => endMs <= this.nowMs)) {
      admitted.busyMs = this.nowMs - this.diskMs - startMs;
      this.admission.leave(admitted, this.nowMs);
      this.answered.push({ atMs, tookMs: this.nowMs - atMs });
    }
    this.#running = this.#running.filter(({ endMs }) => endMs > this.nowMs);
    this.#written = this.#written.filter(({ endMs }) => endMs > this.nowMs);
    while (this.#running.length < this.#slots && this.#queue.length > 0) {
      const { admitted, atMs, runMs } = this.#queue.shift()!;
      this.#running.push({ admitted, atMs, startMs: this.nowMs, endMs: this.nowMs + runMs });
    }
  }

  /** Requests at a rate, evenly; a house of 16 slots and runs of 16 ms answers one each ms. */
  offer(perMs: number, forMs: number, runMs = 16): void {
    let due = 0;
    for (let ms = 0; ms < forMs; ms++) {
      for (due += perMs; due >= 1; due--) this.ask(runMs);
      this.pass();
    }
  }

  slowest(fromMs = 0): number {
    return Math.max(...this.answered.filter(({ atMs }) => atMs >= fromMs).map(({ tookMs }) => tookMs));
  }
}

let house: ToyHouse;

beforeEach(() => {
  house = new ToyHouse(16);
});

describe("Admission", () => {
  it("refuses nobody below what the house can answer", () => {
    house.offer(0.95, 20_000);
    assert.deepEqual(house.refusedAtMs, []);
  });

  it("takes a burst whole, whatever its size, and the next one", () => {
    for (let burst = 0; burst < 3; burst++) {
      for (let index = 0; index < 2_000; index++) house.ask(16);
      for (let ms = 0; ms < 3_000; ms++) house.pass();
    }
    assert.deepEqual([house.answered.length, house.refusedAtMs.length], [6_000, 0]);
  });

  it("keeps the wait short at twice the possible rate, and the house as busy as it can be", () => {
    house.offer(2, 20_000);
    const waits = house.answered.filter(({ atMs }) => atMs > 2_000).map(({ tookMs }) => tookMs);
    waits.sort((a, b) => a - b);
    assert.ok(waits.at(-1)! <= 150, `the slowest took ${waits.at(-1)} ms`);
    assert.ok(house.answered.length > 0.95 * 20_000, `${house.answered.length} answers of 20,000 possible ones`);
    const late = house.answered.filter(({ tookMs }) => tookMs > 200).length;
    assert.ok(late < 0.03 * house.answered.length, `${late} took longer than 200 ms`);
  });

  it("refuses nobody any more within a second of the end of the overload", () => {
    house.offer(2, 5_000);
    const endMs = house.nowMs;
    house.offer(0.8, 5_000);
    assert.ok(house.refusedAtMs.some((ms) => ms < endMs));
    const last = Math.max(...house.refusedAtMs) - endMs;
    assert.ok(last < 1_000, `refused ${last} ms after the end`);
    assert.equal(house.admission.boundedCount, 0);
  });

  it("lets callers wait for slow runs in proportion", () => {
    house.offer(0.012, 60_000, 1_000);
    assert.deepEqual(house.refusedAtMs, []);
    house.offer(0.032, 60_000, 1_000);
    assert.ok(house.refusedAtMs.length > 300, `${house.refusedAtMs.length} were refused`);
    // A run of a second may wait for three; those who came before the bound was found waited longer.
    assert.ok(house.slowest(80_000) <= 8_000, `the slowest took ${house.slowest(80_000)} ms`);
  });

  it("does not take a house that stood still for one that is asked too much", () => {
    house.offer(0.5, 5_000);
    for (let ms = 0; ms < 3_000; ms++) {
      if (ms % 10 === 0) house.ask(16);
      house.pass(true);
    }
    house.offer(0.5, 5_000);
    assert.deepEqual(house.refusedAtMs, []);
  });

  it("leaves callers their number where fewer of them would not wait shorter", () => {
    house.diskMs = 200;
    house.offer(0.5, 60_000);
    assert.ok(house.refusedAtMs.length < 300, `${house.refusedAtMs.length} of 30,000 were refused`);
  });

  it("finds an overload of a house that stands still every now and then", () => {
    for (let second = 0; second < 20; second++) {
      house.offer(2, 400);
      for (let ms = 0; ms < 600; ms++) {
        if (ms % 2 === 0) house.ask(16);
        house.pass(true);
      }
    }
    assert.ok(house.refusedAtMs.length > 5_000, `${house.refusedAtMs.length} were refused`);
    assert.ok(house.slowest(10_000) <= 3_000, `the slowest took ${house.slowest(10_000)} ms`);
  });

  it("does not let one workflow's callers be refused for those of another", () => {
    for (let ms = 0; ms < 5_000; ms++) {
      house.ask(16);
      house.ask(16);
      house.pass();
      const quiet = house.admission.enter("quiet", ms - 20);
      quiet.busyMs = 16;
      house.admission.leave(quiet, ms);
    }
    assert.ok(house.refusedAtMs.length > 1_000);
  });

  it("keeps nothing of workflows that nobody waits for", () => {
    for (let index = 0; index < 10_000; index++) {
      const admitted = house.admission.enter(`w${index}`, index);
      house.admission.leave(admitted, index + 1);
    }
    assert.equal((house.admission as unknown as { gates: Map<string, unknown> }).gates.size, 0);
  });
});
