import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TIMING_DEFAULT } from "../timing.ts";
import type { OwnerPort } from "./owner-port.ts";
import { Owner } from "./owner.ts";

const EMPTY = { rows: [], queues: [], shares: [], nextWakeMs: null, outbox: { names: [], more: false } };
const { leaseMs, tickMs } = TIMING_DEFAULT;

/** An owner of one partition, whose takes the test answers. */
function world() {
  const clock = { ms: 0 };
  const taken: (readonly number[])[] = [];
  const known: Partial<OwnerPort> = { nowMs: () => clock.ms, wallMs: () => clock.ms, take: (each) => taken.push(each) };
  const port = new Proxy(known as OwnerPort, {
    get: (all, name) => (all as unknown as Record<string | symbol, unknown>)[name] ?? (() => undefined),
  });
  const owner = new Owner({ scheduler: "s", partitionCount: 1, timing: TIMING_DEFAULT }, port);
  const renew = (sentAtMs: number) => owner.onLease(sentAtMs, new Set([0]), new Map());
  const load = (epoch: number) => owner.onTaken([0], new Map([[0, { epoch, found: EMPTY }]]));
  return { clock, taken, owner, renew, load };
}

describe("a lease that lapses", () => {
  it("between two ticks takes its partitions with it: another may have owned them meanwhile", () => {
    const { clock, taken, owner, renew, load } = world();
    renew(0);
    renew(0);
    load(1);
    assert.deepEqual([...owner.partitions()], [[0, 1]]);
    clock.ms = leaseMs + 1;
    renew(leaseMs - tickMs);
    assert.deepEqual([...owner.partitions()], []);
    renew(clock.ms);
    assert.equal(taken.length, 2, "it is taken anew");
    load(3);
    assert.deepEqual([...owner.partitions()], [[0, 3]]);
  });

  it("takes no work from a neighbour from its last moment on, before anybody has noticed", () => {
    const { clock, owner, renew, load } = world();
    renew(0);
    renew(0);
    assert.equal(owner.owns(0), false);
    load(1);
    clock.ms = leaseMs - 1;
    assert.equal(owner.owns(0), true);
    clock.ms = leaseMs;
    assert.equal(owner.owns(0), false);
  });

  it("while a partition is being taken makes that take void", () => {
    const { clock, owner, renew, load } = world();
    renew(0);
    renew(0);
    clock.ms = leaseMs + 1;
    renew(clock.ms);
    renew(clock.ms);
    load(1);
    assert.deepEqual([...owner.partitions()], [], "an epoch of before the lapse");
    renew(clock.ms);
    load(2);
    assert.deepEqual([...owner.partitions()], [[0, 2]]);
  });

  it("leaves alone what was renewed in time", () => {
    const { clock, owner, renew, load } = world();
    renew(0);
    renew(0);
    load(1);
    for (let i = 0; i < 10; i++) {
      clock.ms += leaseMs - 1;
      renew(clock.ms);
    }
    assert.deepEqual([...owner.partitions()], [[0, 1]]);
  });
});
