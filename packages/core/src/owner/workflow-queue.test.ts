import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { OwnedRun } from "./owned-run.ts";
import { SharedHead } from "./shared-head.ts";
import { WorkflowQueue, type HeadBounds } from "./workflow-queue.ts";

const BOUNDS: HeadBounds = { runs: 4, bytes: 1000 };

function run(sequence: number, concurrencyLimit = 0, given: Partial<OwnedRun> = {}): OwnedRun {
  const spec = { concurrencyLimit, queueLimit: 0 };
  return { runId: `run${sequence}`, sequence, priority: 0, bytes: 1, phase: "PENDING", spec, ...given } as OwnedRun;
}

function drain(queue: WorkflowQueue): number[] {
  const order: number[] = [];
  for (let next = queue.peek(); next; next = queue.peek()) {
    order.push(next.sequence);
    queue.remove(next);
  }
  return order;
}

describe("a workflow's queue", () => {
  it("keeps the order of acceptance, whatever comes back", () => {
    const queue = new WorkflowQueue("w", BOUNDS);
    const [first, second] = [run(1), run(2)];
    [first, second, run(4), run(5)].forEach((each) => queue.add(each));
    queue.remove(first);
    queue.remove(second);
    [run(3), second, first].forEach((each) => queue.add(each));
    assert.deepEqual(drain(queue), [1, 2, 3, 4, 5]);
  });

  it("gives up one in the middle, and ignores one that is not there", () => {
    const queue = new WorkflowQueue("w", BOUNDS);
    const middle = run(2);
    [run(1), middle, run(3)].forEach((each) => queue.add(each));
    queue.remove(middle);
    queue.remove(middle);
    assert.deepEqual(drain(queue), [1, 3]);
  });

  it("costs the same however long it is", () => {
    const queue = new WorkflowQueue("w", BOUNDS);
    const count = 50_000;
    for (let sequence = 0; sequence < count; sequence++) queue.add(run(sequence));
    assert.equal(queue.size, count);
    const order = drain(queue);
    assert.equal(order.length, count);
    assert.ok(order.every((sequence, index) => sequence === index));
    assert.ok(queue.isEmpty());
  });

  it("has a place while live and lingering assignments leave one", () => {
    const queue = new WorkflowQueue("w", BOUNDS);
    queue.add(run(1, 2));
    queue.live.add(run(7));
    assert.ok(queue.hasPlace());
    queue.linger.set("run8/1", 10);
    assert.ok(!queue.hasPlace());
  });

  it("keeps the limit of its newest run when one of an earlier version wakes", () => {
    const queue = new WorkflowQueue("w", BOUNDS);
    queue.add(run(10, 1));
    queue.add(run(5, 0));
    assert.equal(queue.concurrencyLimit, 1);
    queue.add(run(11, 3));
    assert.equal(queue.concurrencyLimit, 3);
  });

  it("starts higher priorities first, and equals in the order of acceptance", () => {
    const queue = new WorkflowQueue("w", BOUNDS);
    const priorities = [0, 5, 0, -3, 5];
    priorities.forEach((priority, sequence) => queue.add(run(sequence, 0, { priority })));
    assert.deepEqual(drain(queue), [1, 4, 0, 2, 3]);
  });
});

describe("a queue whose end is parked", () => {
  /** Takes a run as an owner does: into the head, or out of memory. */
  function take(queue: WorkflowQueue, next: OwnedRun): boolean {
    const parks = queue.parks({ ...next, phase: "SUSPENDED" });
    if (parks) queue.park(next);
    else {
      queue.held += 1;
      queue.add(next);
    }
    return parks;
  }

  const start = (queue: WorkflowQueue): number | undefined => {
    const next = queue.peek();
    if (!next) return undefined;
    queue.held -= 1;
    queue.remove(next);
    return next.sequence;
  };

  it("has a bounded head, and counts all that wait", () => {
    const queue = new WorkflowQueue("w", BOUNDS);
    for (let sequence = 1; sequence <= 1000; sequence++) take(queue, run(sequence));
    assert.deepEqual([queue.size, queue.parked, queue.waiting], [4, 996, 1000]);
    const large = new WorkflowQueue("w", BOUNDS);
    for (let sequence = 1; sequence <= 3; sequence++) take(large, run(sequence, 0, { bytes: 600 }));
    assert.deepEqual([large.size, large.parked], [1, 2], "bounded by bytes too, but for the first");
  });

  it("has a longer head while all queues together leave room, and gives the room back", () => {
    const shared = new SharedHead(10, 1000);
    const [queue, other] = [
      new WorkflowQueue("w", { ...BOUNDS, shared }),
      new WorkflowQueue("x", { ...BOUNDS, shared }),
    ];
    for (let sequence = 1; sequence <= 20; sequence++) take(queue, run(sequence));
    assert.deepEqual([queue.size, queue.parked], [10, 10]);
    for (let sequence = 21; sequence <= 40; sequence++) take(other, run(sequence));
    assert.deepEqual([other.size, other.parked], [4, 16], "whoever comes late has its own head");
    assert.deepEqual(
      [1, 2, 3, 4, 5].map(() => start(queue)),
      [1, 2, 3, 4, 5],
    );
    assert.equal(shared.runs, 9);
    assert.equal(take(queue, run(41)), true, "what is parked comes first, whatever room there is");
    other.release();
    other.held -= 1;
    assert.deepEqual([shared.runs, shared.bytes], [5, 5], "once, whatever comes later");
  });

  it("parks what is too much for all, not what is too much for itself", () => {
    const shared = new SharedHead(6, 1000);
    const queue = new WorkflowQueue("w", { ...BOUNDS, shared });
    for (let sequence = 1; sequence <= 6; sequence++) take(queue, run(sequence));
    assert.equal(queue.excess(), undefined);
    take(queue, run(7, 0, { priority: 1 }));
    assert.equal(queue.excess()?.sequence, 6);
  });

  it("starts nothing before a parked run whose turn it is", () => {
    const queue = new WorkflowQueue("w", BOUNDS);
    for (let sequence = 1; sequence <= 6; sequence++) take(queue, run(sequence));
    assert.deepEqual(
      [1, 2, 3, 4].map(() => start(queue)),
      [1, 2, 3, 4],
    );
    assert.equal(take(queue, run(7)), true, "though the head is empty: 5 and 6 come first");
    assert.equal(start(queue), undefined);
    assert.ok(queue.isPageDue());
    assert.equal(queue.beginPage().sequence, 5);
    queue.endPage({ priority: 0, sequence: 6 });
    queue.unpark();
    queue.held += 1;
    queue.add(run(5));
    assert.equal(start(queue), 5);
    assert.ok(queue.isPageDue() && !queue.isEmpty());
  });

  it("takes a run of a higher priority into a full head, and tells which one makes room for it", () => {
    const queue = new WorkflowQueue("w", BOUNDS);
    for (let sequence = 1; sequence <= 4; sequence++) take(queue, run(sequence));
    assert.equal(queue.excess(), undefined);
    assert.equal(take(queue, run(5, 0, { priority: 1 })), false);
    assert.equal(queue.excess()?.sequence, 4);
    assert.equal(start(queue), 5);
  });

  it("reads again what was parked while a page was read", () => {
    const queue = new WorkflowQueue("w", BOUNDS);
    for (let sequence = 1; sequence <= 5; sequence++) take(queue, run(sequence));
    [1, 2].forEach(() => start(queue));
    queue.beginPage();
    queue.park(run(6));
    queue.endPage(undefined);
    assert.ok(queue.isPageDue());
    assert.equal(queue.beginPage().sequence, 6);
  });
});
