import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { OwnedRun } from "./owned-run.ts";
import { WorkflowQueue } from "./workflow-queue.ts";

function run(sequence: number, concurrencyLimit = 0): OwnedRun {
  return { runId: `run${sequence}`, sequence, spec: { concurrencyLimit, queueLimit: 0 } } as OwnedRun;
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
    const queue = new WorkflowQueue("w");
    const [first, second] = [run(1), run(2)];
    [first, second, run(4), run(5)].forEach((each) => queue.add(each));
    queue.remove(first);
    queue.remove(second);
    [run(3), second, first].forEach((each) => queue.add(each));
    assert.deepEqual(drain(queue), [1, 2, 3, 4, 5]);
  });

  it("gives up one in the middle, and ignores one that is not there", () => {
    const queue = new WorkflowQueue("w");
    const middle = run(2);
    [run(1), middle, run(3)].forEach((each) => queue.add(each));
    queue.remove(middle);
    queue.remove(middle);
    assert.deepEqual(drain(queue), [1, 3]);
  });

  it("costs the same however long it is", () => {
    const queue = new WorkflowQueue("w");
    const count = 50_000;
    for (let sequence = 0; sequence < count; sequence++) queue.add(run(sequence));
    assert.equal(queue.size, count);
    const order = drain(queue);
    assert.equal(order.length, count);
    assert.ok(order.every((sequence, index) => sequence === index));
    assert.ok(queue.isEmpty());
  });

  it("has a place while live and lingering assignments leave one", () => {
    const queue = new WorkflowQueue("w");
    queue.add(run(1, 2));
    queue.live.add(run(7));
    assert.ok(queue.hasPlace());
    queue.linger.set("run8/1", 10);
    assert.ok(!queue.hasPlace());
  });

  it("keeps the limit of its newest run when one of an earlier version wakes", () => {
    const queue = new WorkflowQueue("w");
    queue.add(run(10, 1));
    queue.add(run(5, 0));
    assert.equal(queue.concurrencyLimit, 1);
    queue.add(run(11, 3));
    assert.equal(queue.concurrencyLimit, 3);
  });
});
