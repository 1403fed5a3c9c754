import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Outbox } from "./outbox.ts";
import type { OwnerState } from "./owner-state.ts";
import { PartitionState } from "./partition-state.ts";
import type { OutboxMessage } from "./record.ts";

const owner = { scheduler: "s", partition: 1, epoch: 1 };

function start(child: string, waits: boolean): OutboxMessage {
  const parent = { run: "parent", workflow_id: "w", step_path: "steps/0", waits, generation: 1 };
  const about = { projectId: "p", workflowId: "other", workflowName: "other", traceId: "", timeMs: 0 };
  return {
    ...{ id: `start/${child}`, partition: 1, runId: "parent", payload: new Uint8Array() },
    body: { kind: "START", childId: child, ...about, parent },
  };
}

function cancel(child: string): OutboxMessage {
  const body = { kind: "CANCEL", runId: child, workflowId: "other", reason: "" } as const;
  return { id: `cancel/${child}`, partition: 1, runId: "parent", body, payload: new Uint8Array() };
}

function outboxOf() {
  const clock = { nowMs: 0 };
  const sent: OutboxMessage[] = [];
  const gone: string[] = [];
  const part = new PartitionState(owner, 0, { runs: 256, bytes: 1e6 });
  const reads: number[] = [];
  const state = {
    owned: new Map([[1, part]]),
    port: {
      nowMs: () => clock.nowMs,
      deliver: (message: OutboxMessage) => void sent.push(message),
      readOutbox: (partition: number) => void reads.push(partition),
    },
    isLeased: () => true,
    isCurrent: (asked: PartitionState) => asked === state.owned.get(1),
    commit: (_part: PartitionState, change: { id: string }) => void gone.push(change.id),
  };
  return { clock, sent, gone, reads, part, state, outbox: new Outbox(state as unknown as OwnerState) };
}

describe("the outbox of an owner", () => {
  it("sends again, ever more seldom, until the receiver has committed", () => {
    const { outbox, part, clock, sent, gone } = outboxOf();
    outbox.add(part, [start("a", false)]);
    outbox.patrol();
    assert.equal(sent.length, 1);
    clock.nowMs = 600;
    outbox.patrol();
    outbox.patrol();
    assert.equal(sent.length, 2);
    outbox.onAccepted({ owner, runId: "a", actualRunId: "a", outcome: "QUEUE_FULL" });
    assert.deepEqual(gone, [], "a full queue takes it later");
    outbox.onAccepted({ owner, runId: "a", actualRunId: "a", outcome: "ACCEPTED" });
    clock.nowMs = 60_000;
    outbox.patrol();
    assert.deepEqual([sent.length, gone], [2, ["start/a"]]);
  });

  it("starts a run before it cancels it", () => {
    const { outbox, part, clock, sent } = outboxOf();
    outbox.add(part, [start("a", true), cancel("a")]);
    outbox.onAccepted({ owner, runId: "a", actualRunId: "a", outcome: "ACCEPTED" });
    assert.deepEqual(
      sent.map(({ id }) => id),
      ["start/a"],
    );
    clock.nowMs = 600;
    outbox.patrol();
    assert.deepEqual(sent.at(-1)?.id, "cancel/a");
  });

  it("tells who waits for a run that can never start, and gives up what nobody waits for", () => {
    const { outbox, part, sent, gone } = outboxOf();
    outbox.add(part, [start("a", true), start("b", false)]);
    outbox.onUndeliverable("start/b", "WORKFLOW_NOT_FOUND", "gone");
    assert.deepEqual(gone, ["start/b"]);
    outbox.onUndeliverable("start/a", "WORKFLOW_NOT_FOUND", "gone");
    const told = sent.at(-1)!;
    assert.deepEqual(told.body, { kind: "RESUME", runId: "parent", workflowId: "w", path: "steps/0" });
    const { $child } = JSON.parse(Buffer.from(told.payload).toString()) as { $child: { state: string; error: object } };
    assert.deepEqual($child.error, { step: "", type: "WORKFLOW_NOT_FOUND", message: "gone", line: 0 });
    outbox.onResumed({ owner, runId: "parent", requestId: "start/a", outcome: "DONE", state: "PENDING" });
    assert.deepEqual(gone, ["start/b", "start/a"]);
  });

  it("sends word of a result instead of one that has no room", () => {
    const { outbox, part, sent } = outboxOf();
    const body = { kind: "RESUME", runId: "parent", workflowId: "w", path: "steps/0" } as const;
    outbox.add(part, [{ id: "result/c", partition: 1, runId: "c", body, payload: Buffer.alloc(1000) }]);
    outbox.onResumed({ owner, runId: "parent", requestId: "result/c", outcome: "TOO_LARGE", state: "SUSPENDED" });
    assert.match(Buffer.from(sent.at(-1)!.payload).toString(), /has no room in run parent/);
    outbox.onResumed({ owner, runId: "parent", requestId: "result/c", outcome: "TOO_LARGE", state: "SUSPENDED" });
    assert.equal(sent.length, 2, "not even room for that: not at once again");
  });

  it("holds a bounded number, reads on when there is room, and forgets what another owner has", () => {
    const { outbox, part, clock, sent, reads, state } = outboxOf();
    outbox.add(
      part,
      Array.from({ length: 2001 }, (_, n) => start(String(n), false)),
    );
    assert.deepEqual([sent.length, part.outboxMore], [2000, true]);
    outbox.patrol();
    assert.deepEqual(reads, []);
    for (let n = 0; n < 1500; n++) outbox.onAccepted({ owner, runId: String(n), actualRunId: "", outcome: "ACCEPTED" });
    outbox.patrol();
    assert.deepEqual(reads, [1]);
    outbox.onRead(part, { messages: [start("2000", false)], more: false });
    assert.equal(sent.length, 2001);
    state.owned.delete(1);
    clock.nowMs = 60_000;
    outbox.patrol();
    assert.equal(sent.length, 2001);
  });

  it("reads on for what there was no room for while it read", () => {
    const { outbox, part, reads } = outboxOf();
    part.outboxMore = true;
    outbox.patrol();
    outbox.add(
      part,
      Array.from({ length: 2001 }, (_, n) => start(String(n), false)),
    );
    outbox.onRead(part, { messages: [start("0", false)], more: false });
    for (let n = 0; n < 1500; n++) outbox.onAccepted({ owner, runId: String(n), actualRunId: "", outcome: "ACCEPTED" });
    outbox.patrol();
    assert.deepEqual(reads, [1, 1]);
    outbox.onRead(part, undefined);
    outbox.patrol();
    assert.deepEqual(reads, [1, 1, 1], "one that failed is read again");
  });
});
